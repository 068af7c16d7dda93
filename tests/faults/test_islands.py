"""A cluster in two islands that are cut apart and joined again: link down, packets lost, everybody moved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.namespaces import Islands, MachineNode, make_islands, node_on
from tests.support.node_processes import all_see, running, wait_until
from tests.support.registry import Registry

HEAL_INTERVAL = 5.0
ALIVE = {f"n{i}": "alive" for i in range(6)}
EAST_ALIVE = {f"n{i}": "alive" if i < 3 else "dead" for i in range(6)}
WEST_ALIVE = {f"n{i}": "dead" if i < 3 else "alive" for i in range(6)}


@pytest.fixture
def islands() -> Iterator[Islands]:
    with make_islands(2) as made:
        yield made


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
def nodes(islands: Islands, registry: Registry, tmp_path: Path) -> Iterator[list[MachineNode]]:
    """Six nodes, three on each island, that all find each other."""
    settings = registry.settings(f'join.heal_interval = "{HEAL_INTERVAL}s"')
    made = [node_on(islands.add(i // 3), f"n{i}", tmp_path, settings) for i in range(6)]
    for node in made:
        node.environment = registry.environment
    registry.tell(node.gossip for node in made)
    with running(made):
        wait_until(all_see(made, ALIVE), 30, "all six see six alive")
        yield made


def cut_apart(islands: Islands, nodes: list[MachineNode]) -> None:
    """Cut the link, and wait for the proof: nothing crosses, and each island has lost the other."""
    islands.cut()
    crossed = islands.crossed()
    east, west = nodes[:3], nodes[3:]
    wait_until(all_see(east, EAST_ALIVE), 40, "the east sees the west dead")
    wait_until(all_see(west, WEST_ALIVE), 40, "the west sees the east dead")
    assert islands.crossed() == crossed


def mend(islands: Islands, nodes: list[MachineNode]) -> float:
    """Mend the link; return how many seconds later every node saw every node alive, where it really is."""
    islands.mend()
    began = time.monotonic()
    addresses = {node.node_id: node.gossip for node in nodes}
    wait_until(
        lambda: all(places(node) == addresses for node in nodes), 2 * HEAL_INTERVAL, "one cluster again"
    )
    return time.monotonic() - began


def places(node: MachineNode) -> dict[str, str]:
    """Return where a node sees the others alive."""
    answer = node.get("/cluster/nodes")
    return {m["id"]: m["addr"] for m in answer[1] if m["state"] == "alive"} if answer else {}


@pytest.mark.parametrize("loss", [0, 30])
def test_two_islands_become_one_cluster_again(islands: Islands, nodes: list[MachineNode], loss: int) -> None:
    """Within two healing intervals after the link is back every node sees all six, also where 30 % is lost."""
    cut_apart(islands, nodes)
    crossed = islands.crossed()
    if loss:
        for node in nodes:
            node.machine.lose(loss)

    took = mend(islands, nodes)
    lost = [node.machine.dropped() for node in nodes]

    print(f"one cluster again after {took:.1f} s with {loss} % loss; packets lost at each node: {lost}")
    assert islands.crossed() > crossed
    assert all(lost) if loss else not any(lost)
    assert all(node.process and node.process.poll() is None for node in nodes)


def test_islands_find_each_other_after_the_seeds_moved(
    islands: Islands, nodes: list[MachineNode], registry: Registry
) -> None:
    """While cut, one island moves to new addresses, which a watch tells: they are one cluster within two intervals."""
    cut_apart(islands, nodes)
    old = [node.gossip for node in nodes]
    for node in nodes[3:]:
        node.kill()
        node.move(islands.add(1))
    registry.tell(node.gossip for node in nodes)
    for node in nodes[3:]:
        node.start()
    west = nodes[3:]
    wait_until(
        lambda: all(node.states().keys() >= {"n3", "n4", "n5"} for node in west), 20, "the west is one again"
    )
    separate = [set(places(node)) for node in nodes]

    took = mend(islands, nodes)

    print(f"one cluster again after {took:.1f} s, at new addresses")
    assert separate == [{"n0", "n1", "n2"}] * 3 + [{"n3", "n4", "n5"}] * 3
    assert not set(old[3:]) & {node.gossip for node in nodes}
