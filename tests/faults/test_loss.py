"""A network that loses packets all the time."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.namespaces import GOSSIP_PORT, make_islands, node_on
from tests.support.node_processes import all_see, running, seeds_table, wait_until

COUNT = 6
LONG_ENOUGH = 30.0


def test_a_lossy_network_forms_one_cluster_and_kills_nobody(tmp_path: Path) -> None:
    """With 30 % of all packets lost from the start, six nodes find each other, and none is ever declared dead."""
    alive = {f"n{i}": "alive" for i in range(COUNT)}
    with make_islands() as network:
        machines = [network.add() for _ in range(COUNT)]
        for machine in machines:
            machine.lose(30)
        settings = seeds_table([f"{machine.address}:{GOSSIP_PORT}" for machine in machines[:3]])
        nodes = [node_on(machine, f"n{i}", tmp_path, settings) for i, machine in enumerate(machines)]

        began = time.monotonic()
        with running(nodes):
            wait_until(all_see(nodes, alive), 30, "all six see six alive")
            formed = time.monotonic() - began
            time.sleep(LONG_ENOUGH)

            suspected = sum(len(node.events("member.suspected")) for node in nodes)
            lost = [machine.dropped() for machine in machines]
            print(f"formed in {formed:.1f} s; {suspected} suspicions; packets lost at each node: {lost}")
            assert min(lost) > 30
            assert [line for node in nodes for line in node.events("member.died")] == []
