"""A release: every node of a cluster is stopped and started again, one after the other."""

from __future__ import annotations

from pathlib import Path

from tests.support.node_processes import all_see, make_nodes, running, wait_until

EIGHT = {f"n{i}": "alive" for i in range(8)}


def test_a_rolling_restart_shows_no_member_dead(tmp_path: Path) -> None:
    """Eight nodes, SIGTERM and start: each is seen to leave and to return, and no node sees another one dead."""
    nodes = make_nodes(tmp_path, 8)
    with running(nodes):
        wait_until(all_see(nodes, EIGHT), 40, "all eight see eight alive")

        for node in nodes:
            others = [other for other in nodes if other is not node]
            assert node.stop() == 0
            wait_until(all_see(others, {**EIGHT, node.node_id: "left"}), 10, f"{node.node_id} has left")
            node.start()
            wait_until(all_see(nodes, EIGHT), 30, f"{node.node_id} is back")

        assert [line for node in nodes for line in node.events("member.died")] == []
        assert len(nodes[0].events("member.left")) == 7
