"""One node of a cluster is in trouble: its datagrams are lost, or it freezes until everybody has forgotten it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.namespaces import GOSSIP_PORT, MachineNode, make_islands, node_on
from tests.support.node_processes import all_see, make_nodes, running, seeds_table, wait_until

ALIVE = {f"n{i}": "alive" for i in range(3)}
LONG_ENOUGH = 15.0


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[MachineNode]]:
    with make_islands() as network:
        machines = [network.add() for _ in range(3)]
        settings = seeds_table([f"{machine.address}:{GOSSIP_PORT}" for machine in machines])
        made = [node_on(machine, f"n{i}", tmp_path, settings) for i, machine in enumerate(machines)]
        with running(made):
            wait_until(all_see(made, ALIVE), 30, "all three see three alive")
            yield made


@pytest.mark.parametrize("directions", [["input"], ["output"], ["input", "output"]])
def test_a_node_without_udp_stays_alive(nodes: list[MachineNode], directions: list[str]) -> None:
    """Its datagrams are dropped, one way or both; over TCP it is still seen alive, and nobody is declared dead."""
    machine = nodes[2].machine

    for direction in directions:
        machine.drop(direction, "meta l4proto udp")
    time.sleep(LONG_ENOUGH)

    assert machine.dropped() > 10
    assert [line for node in nodes for line in node.events("member.died")] == []
    machine.restore()
    wait_until(all_see(nodes, ALIVE), 10, "all three see three alive")


def test_a_node_that_everybody_forgot_finds_back(tmp_path: Path) -> None:
    """Frozen until it is dead and forgotten by all; thawed, it is one of them again within two healing intervals."""
    nodes = make_nodes(
        tmp_path,
        3,
        'join.heal_interval = "5s"',
        **{"cluster.health.forget_dead_after": "1s"},
    )
    others, frozen = nodes[:2], nodes[2]
    with running(nodes):
        wait_until(all_see(nodes, ALIVE), 20, "all three see three alive")
        process = frozen.process
        assert process

        os.kill(process.pid, signal.SIGSTOP)
        wait_until(all_see(others, {"n0": "alive", "n1": "alive"}), 40, "both others have forgotten it")
        os.kill(process.pid, signal.SIGCONT)
        began = time.monotonic()
        wait_until(all_see(nodes, ALIVE), 10, "all three see three alive again")

        print(f"back {time.monotonic() - began:.1f} s after it was thawed")
        assert all(node.events("member.died") for node in others)
        assert process.poll() is None
