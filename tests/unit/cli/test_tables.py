"""What tables show, and what a live one shows first."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from engram_discovery.cli.tables import members_table
from engram_discovery.cli.watch import _worst_first


def node(node_id: str, state: str = "alive", **more: Any) -> dict[str, Any]:
    told = {"id": node_id, "state": state, "addr": "127.0.0.1:1", "api_addr": None, "spaces": []}
    return {**told, "generation": 1, "incarnation": 0, "last_update": "2026-01-01T00:00:00+00:00", **more}


def drawn(*nodes: dict[str, Any]) -> str:
    console = Console(width=240)
    with console.capture() as capture:
        console.print(members_table(nodes))
    return capture.get()


def test_columns_that_nobody_fills_are_left_out() -> None:
    """Zones and spaces are shown where there are any."""
    plain, full = drawn(node("a")), drawn(node("a", zone="eu-1a", spaces=["s"]), node("b"))

    assert "ZONE" not in plain
    assert "SPACES" not in plain
    assert "eu-1a" in full
    assert "SPACES" in full


def test_a_generation_is_shown_as_the_time_that_it_is() -> None:
    """One that is no time is shown as it stands."""
    told = drawn(node("a", generation=1_795_433_728_205), node("b", generation=7))

    assert "2026-11-2" in told
    assert " 7 " in told


def test_a_live_table_begins_with_those_in_trouble() -> None:
    """Below the node asked: what does not fit into the window is cut off."""
    nodes = [node("a"), node("b"), node("c", "dead"), node("d", "left"), node("e")]

    assert [n["id"] for n in _worst_first(nodes)] == ["a", "c", "d", "b", "e"]
    assert [n["id"] for n in _worst_first({"nodes": nodes})["nodes"]] == ["a", "c", "d", "b", "e"]
    assert _worst_first([]) == []
