"""Clusters that must not meet."""

from __future__ import annotations

from pathlib import Path

from tests.support.node_processes import all_see, make_nodes, running, seeds_table, wait_until


def test_two_clusters_that_share_a_seed_never_merge(tmp_path: Path) -> None:
    """Under different names they stay two, through many contacts; the one that is refused says so and why."""
    nodes = make_nodes(tmp_path, 6)
    red, blue = nodes[:3], nodes[3:]
    shared = red[0].gossip
    for name, members in (("red", red), ("blue", blue)):
        seeds = [shared, *(node.gossip for node in members if node.gossip != shared)]
        for node in members:
            node.settings = seeds_table(seeds, 'join.heal_interval = "1s"')
            node.overrides["cluster.name"] = name
    reds, blues = ({node.node_id: "alive" for node in members} for members in (red, blue))
    with running(nodes):
        wait_until(all_see(red, reds), 30, "red is one cluster")
        wait_until(all_see(blue, blues), 30, "blue is one cluster")

        # Said at the first contact, the second, the fourth, the eighth.
        wait_until(
            lambda: all(len(node.events("join.foreign_cluster")) >= 4 for node in blue),
            60,
            "each node of blue has met red eight times",
        )
        told = blue[0].explanation()

        assert [node.states() for node in red] == [reds] * 3
        assert [node.states() for node in blue] == [blues] * 3
        assert [(p["endpoint"], p["outcome"]) for p in told["not_joined"] if p["outcome"] != "self"] == [
            (shared, "foreign")
        ]
        assert "peer rejected the handshake" in told["text"]
        assert [node.events("join.foreign_cluster") for node in red] == [[], [], []]
