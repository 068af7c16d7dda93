"""Many nodes: started at once, half of them killed at once, and each one replaced."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.node_processes import Node, all_see, make_nodes, running, seeds_table, wait_until
from tests.support.registry import Registry

COUNT = 16


def test_sixteen_start_at_once_and_half_of_them_are_killed(tmp_path: Path) -> None:
    """With three seeds in common they are one cluster; the survivors agree on the alive and the dead ones."""
    nodes = make_nodes(tmp_path, COUNT)
    for node in nodes:
        node.settings = seeds_table([seed.gossip for seed in nodes[:3]])
    killed, survivors = nodes[::2], nodes[1::2]
    alive = {node.node_id: "alive" for node in nodes}
    with running(nodes):
        wait_until(all_see(nodes, alive), 60, "all sixteen see sixteen alive")

        began = time.monotonic()
        for node in killed:
            node.kill()
        after = alive | {node.node_id: "dead" for node in killed}
        wait_until(all_see(survivors, after), 40, "the survivors agree")

        print(f"the survivors agreed {time.monotonic() - began:.1f} s after half of the nodes were killed")
        assert [node.status() for node in survivors] == ["degraded"] * len(survivors)


def test_a_cluster_outlives_all_its_first_nodes(tmp_path: Path) -> None:
    """Three nodes replaced one by one: the last three see and cache each other, and a new node can join them."""
    registry = Registry(tmp_path)
    nodes = make_nodes(tmp_path, 7)
    for node in nodes:
        node.settings, node.environment = registry.settings(), registry.environment
    first, second, late = nodes[:3], nodes[3:6], nodes[6]
    registry.tell(node.gossip for node in first)
    with running(first):
        wait_until(lambda: all(living(node) == names(first) for node in first), 30, "the first are one")

        started: list[Node] = []
        with running(started):
            for position, (old, new) in enumerate(zip(first, second, strict=True)):
                members = [*second[: position + 1], *first[position + 1 :]]
                registry.tell(node.gossip for node in members)
                started.append(new.start())
                old.stop()
                wait_until(
                    lambda: all(living(node) == names(members) for node in members),  # noqa: B023
                    30,
                    f"{new.node_id} in place of {old.node_id}",
                )
            registry.tell(node.gossip for node in [*second, late])
            started.append(late.start())
            everybody = [*second, late]
            wait_until(
                lambda: all(living(node) == names(everybody) for node in everybody), 30, "the newcomer is in"
            )

            assert not [line for node in everybody for line in node.events("member.died")]


def living(node: Node) -> set[str]:
    """Return the ids that a node sees alive."""
    return {node_id for node_id, state in node.states().items() if state == "alive"}


def names(nodes: list[Node]) -> set[str]:
    """Return the ids of nodes."""
    return {node.node_id for node in nodes}
