"""A registry that fails or answers garbage: the nodes keep their peers, over a restart of all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until
from tests.support.registry import Registry

FIVE = {f"n{i}": "alive" for i in range(5)}


def registered(folder: Path, count: int, head: str = "") -> tuple[Registry, list[Node]]:
    """Make nodes that find each other in a registry."""
    registry = Registry(folder)
    nodes = make_nodes(folder, count)
    for node in nodes:
        node.settings = registry.settings(head)
        node.environment = registry.environment
    registry.tell(node.gossip for node in nodes)
    return registry, nodes


def source(node: Node) -> dict[str, Any]:
    """Return the status of a node's source."""
    explanation = node.explanation()
    return explanation["sources"][0] if explanation else {}


@pytest.mark.parametrize(
    ("end", "go_down"),
    [(Node.kill, Registry.fail), (Node.stop, Registry.fail), (Node.kill, Registry.hang)],
    ids=["SIGKILL", "SIGTERM", "SIGKILL, and the registry hangs"],
)
def test_a_cluster_whose_registry_is_down_forms_again_from_memory(
    tmp_path: Path, end: Callable[[Node], object], go_down: Callable[[Registry], None]
) -> None:
    """All five stopped, the registry gone: after the restart they find each other by peers.json, and report it."""
    registry, nodes = registered(tmp_path, 5)
    with running(nodes):
        wait_until(all_see(nodes, FIVE), 30, "all five see five alive")
        wait_until(lambda: all(len(kept(node)) == 5 for node in nodes), 10, "all five are on every disk")
        for node in nodes:
            end(node)
        go_down(registry)

        began = time.monotonic()
        for node in nodes:
            node.start()
        wait_until(lambda: all(node.is_listening() for node in nodes), 30, "all five have started")
        listening = time.monotonic()
        wait_until(all_see(nodes, FIVE), 5, "all five see five alive again")
        formed = time.monotonic()

        print(
            f"formed again {formed - began:.1f} s after the start, {formed - listening:.1f} s after all listened"
        )
        wait_until(lambda: all(source(node)["outcome"] == "failed" for node in nodes), 10, "all say why")
        assert all(node.explanation()["cached"] >= 4 for node in nodes)
        assert all(node.events("discovery.failed") for node in nodes)
        assert [node.stop() for node in nodes] == [0] * 5


def test_without_memory_they_stay_apart(tmp_path: Path) -> None:
    """The counter-test: with peers.json removed there is nothing by which they could have found each other."""
    registry, nodes = registered(tmp_path, 2)
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 20, "both see two alive")
        for node in nodes:
            node.stop()
            (node.folder / "data" / "peers.json").unlink()
        registry.fail()

        for node in nodes:
            node.start()
        wait_until(lambda: all(n.explanation().get("phase") == "alone" for n in nodes), 20, "both are alone")

        assert [node.states() for node in nodes] == [{"n0": "alive"}, {"n1": "alive"}]


def test_no_answer_of_a_registry_removes_a_peer(tmp_path: Path) -> None:
    """Down, garbage, a hang, an empty list, up and down in turn: each is reported as it is; no member is lost."""
    registry, nodes = registered(tmp_path, 3)
    alive = {f"n{i}": "alive" for i in range(3)}
    answers = {"garbage": "{]", "another kind of garbage": '{"peers": 7}', "a bad address": '["no port:x"]'}
    with running(nodes):
        wait_until(all_see(nodes, alive), 20, "all three see three alive")

        seen = {}
        for name, text in answers.items():
            registry.answer(text)
            wait_until(lambda: source(nodes[0])["outcome"] == "failed", 10, f"{name} is a failure")
            seen[name] = (source(nodes[0])["error_kind"], source(nodes[0])["count"])
            registry.tell(node.gossip for node in nodes)
            wait_until(lambda: source(nodes[0])["outcome"] == "found", 40, "it has recovered")
        registry.fail()
        wait_until(lambda: source(nodes[0])["error_kind"] == "unavailable", 10, "the registry is down")
        registry.hang()
        wait_until(lambda: source(nodes[0])["error_kind"] == "timeout", 60, "the registry hangs")
        kept_count = source(nodes[0])["count"]
        registry.answer("[]")
        wait_until(lambda: source(nodes[0])["outcome"] == "empty", 60, "the registry is empty")

        assert seen == dict.fromkeys(answers, ("bad_data", 3))
        assert kept_count == 3
        assert [node.states() for node in nodes] == [alive] * 3
        assert not [line for node in nodes for line in node.events("member.died")]


def kept(node: Node) -> list[dict[str, Any]]:
    """Return the peers that a node has on disk."""
    path = node.folder / "data" / "peers.json"
    return json.loads(path.read_text())["peers"] if path.exists() else []
