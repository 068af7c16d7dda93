"""Seeds that never answer: packets to them vanish, as behind a firewall that drops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.namespaces import GOSSIP_PORT, MachineNode, Namespace, make_islands, node_on
from tests.support.node_processes import all_see, running, seeds_table, wait_until

HEAL_INTERVAL = 5.0
BOTH = {"there": "alive", "starting": "alive"}


@pytest.fixture
def machines() -> Iterator[list[Namespace]]:
    """Four machines on one network: three for seeds, the last one for the node that starts."""
    with make_islands() as network:
        yield [network.add() for _ in range(4)]


def settings(seeds: list[Namespace]) -> str:
    listed = [f"{seed.address}:{GOSSIP_PORT}" for seed in seeds]
    return seeds_table(listed, f'join.heal_interval = "{HEAL_INTERVAL}s"')


def test_two_black_holes_of_three_seeds_do_not_hold_up_a_start(
    machines: list[Namespace], tmp_path: Path
) -> None:
    """The node is ready, and has joined by the third seed, within 5 s of its start; it says who is silent."""
    *holes, seed, mine = machines
    there = node_on(seed, "there", tmp_path, settings([seed]))
    node = node_on(mine, "starting", tmp_path, settings([*holes, seed]))
    mine.drop("output", f"ip daddr {{ {holes[0].address}, {holes[1].address} }}")
    with running([there]):
        wait_until(lambda: there.get("/livez"), 20, "the good seed runs")

        began = time.monotonic()
        with running([node]):
            wait_until(lambda: node.events("node.ready"), 10, "the node is ready")
            took = time.monotonic() - began
            joined = node.events("join.joined")
            wait_until(all_see([there, node], BOTH), 5, "both see two alive")
            wait_until(lambda: len(silent(node)) == 2, 20, "both black holes are told")

            print(f"ready {took:.1f} s after the start; {mine.dropped()} packets vanished")
            assert took < 5
            assert joined
            assert mine.dropped() >= 2
            assert silent(node) == {f"{hole.address}:{GOSSIP_PORT}" for hole in holes}


def test_a_node_that_reaches_no_seed_starts_and_joins_later(
    machines: list[Namespace], tmp_path: Path
) -> None:
    """All seeds black-holed: it runs alone after the deadline of 5 s, and is joined soon after the hole is gone."""
    seed, *_, mine = machines
    there = node_on(seed, "there", tmp_path, settings([seed]))
    node = node_on(mine, "starting", tmp_path, settings([seed]))
    mine.drop("output", f"ip daddr {seed.address}")
    with running([there]):
        wait_until(lambda: there.get("/livez"), 20, "the seed runs")

        with running([node]):
            wait_until(lambda: silent(node) == {f"{seed.address}:{GOSSIP_PORT}"}, 15, "it is silent")
            alone = node.states()
            dropped = mine.dropped()
            mine.restore()
            began = time.monotonic()
            wait_until(all_see([there, node], BOTH), 2 * HEAL_INTERVAL, "both see two alive")

            print(f"joined {time.monotonic() - began:.1f} s after the black hole was gone")
            assert alone == {"starting": "alive"}
            assert dropped >= 2
            assert "silent" in node.events("cluster.not_formed")[0]["explanation"]


def silent(node: MachineNode) -> set[str]:
    """Return the endpoints that a node tells to be silent."""
    told = node.explanation()
    return {peer["endpoint"] for peer in told.get("not_joined", []) if peer["outcome"] == "silent"}
