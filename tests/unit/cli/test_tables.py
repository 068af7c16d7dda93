"""The columns of tables, and the order of a live one."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from engram_discovery.cli.tables import members_table
from engram_discovery.cli.watch import _worst_first


def node(node_id: str, state: str = "alive", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": node_id,
        "state": state,
        "addr": "127.0.0.1:1",
        "api_addr": None,
        "spaces": [],
    }
    return {**body, "generation": 1, "incarnation": 0, "last_update": "2026-01-01T00:00:00+00:00", **more}


def drawn(*nodes: dict[str, Any]) -> str:
    console = Console(width=240)
    with console.capture() as capture:
        console.print(members_table(nodes))
    return capture.get()


def test_empty_columns_are_left_out() -> None:
    """Zones and spaces are shown where there are any."""
    plain, full = drawn(node("a")), drawn(node("a", zone="eu-1a", spaces=["s"]), node("b"))

    assert "ZONE" not in plain
    assert "SPACES" not in plain
    assert "eu-1a" in full
    assert "SPACES" in full


def test_a_generation_is_shown_as_the_time_that_it_is() -> None:
    """A generation that is not a time is shown unchanged."""
    shown = drawn(node("a", generation=1_795_433_728_205), node("b", generation=7))

    assert "2026-11-2" in shown
    assert " 7 " in shown


def test_a_live_table_begins_with_members_that_are_not_alive() -> None:
    """Right below the queried node: the end of a long table is cut off."""
    nodes = [node("a"), node("b"), node("c", "dead"), node("d", "left"), node("e")]

    assert [n["id"] for n in _worst_first(nodes)] == ["a", "c", "d", "b", "e"]
    assert [n["id"] for n in _worst_first({"nodes": nodes})["nodes"]] == ["a", "c", "d", "b", "e"]
    assert _worst_first([]) == []
