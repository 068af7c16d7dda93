"""A node that finds only itself explains why it is alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.support.node_processes import Node, make_nodes, running, seeds_table, wait_until
from tests.support.recorder import Recorder

ADVICE = "all endpoints found are this node itself"


def is_alone_with_itself(node: Node) -> bool:
    """Return True if the node's explanation has that it is alone and found only itself."""
    explanation = node.explanation()
    return (
        bool(explanation)
        and explanation["phase"] == "alone"
        and {p["outcome"] for p in explanation["not_joined"]} == {"self"}
    )


@pytest.mark.parametrize(
    ("bind", "seeds"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1", "[::1]", "localhost", "127.0.0.5"]),
    ],
)
def test_a_node_that_is_its_only_seed_explains_it(tmp_path: Path, bind: str, seeds: list[str]) -> None:
    """A seed list of only its own address: alone, not ready, with reason and remedy in the log and over HTTP."""
    (node,) = make_nodes(tmp_path, 1, **{"cluster.ready_requires": "joined"})
    node.overrides["cluster.network.swim_bind"] = f"{bind}:{node.gossip_port}"
    node.settings = seeds_table([f"{seed}:{node.gossip_port}" for seed in seeds])
    with running([node]):
        wait_until(lambda: is_alone_with_itself(node), 20, "the node says that it found itself")

        explanation = node.explanation()
        (warning, *_) = node.events("cluster.not_formed")
        answer = node.get("/readyz")

        assert "is alone" in explanation["text"]
        assert any(ADVICE in advice for advice in explanation["advice"])
        assert ADVICE in warning["explanation"]
        assert node.gossip in warning["explanation"]
        assert answer
        assert (answer[0], answer[1]["ready"]) == (503, False)
        assert not node.events("join.joined")


async def test_a_relay_that_leads_back_to_the_node_is_itself(tmp_path: Path) -> None:
    """A load balancer that leads back to the node is contacted, recognised, reported, and never counts as joined."""
    (node,) = make_nodes(tmp_path, 1)
    relay = ("127.0.0.9", free_port("127.0.0.9"))
    node.settings = seeds_table([f"{relay[0]}:{relay[1]}"], 'join.heal_interval = "1s"')
    async with Recorder(relay, (node.host, node.gossip_port)) as recorder:
        with running([node]):
            await asyncio.to_thread(
                wait_until, lambda: is_alone_with_itself(node), 20, "the node says that it found itself"
            )
            explanation = await asyncio.to_thread(node.explanation)
            await asyncio.to_thread(
                wait_until, lambda: len(recorder.streams) > 4, 20, "it goes on trying the relay"
            )

            assert f"{relay[0]}:{relay[1]}" in explanation["text"]
            assert any(ADVICE in advice for advice in explanation["advice"])
            assert node.states() == {"n0": "alive"}
            assert not node.events("join.joined")
