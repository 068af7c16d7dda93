"""Node processes that find each other through a DNS name."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.servers.coredns import CoreDns
from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until

ZONE = "engram.test"


def records(nodes: list[Node]) -> list[str]:
    """Write SRV records and addresses of nodes, with a TTL of a second."""
    srv = [f"_gossip._tcp 1 SRV 0 0 {node.gossip_port} {node.node_id}" for node in nodes]
    return [*srv, *(f"{node.node_id} 1 A {node.host}" for node in nodes)]


def settings(server: CoreDns) -> str:
    return (
        '[cluster]\nenabled = true\nname = "test"\ndiscovery = "dns"\n'
        f'[cluster.dns]\nservice = "_gossip._tcp.{ZONE}."\nnameservers = ["{server.host}:{server.port}"]\n'
    )


async def test_nodes_form_a_cluster_from_srv_records_alone(tmp_path: Path) -> None:
    """Three find each other; a fourth joins when its record appears, although it started when there was none."""
    nodes = make_nodes(tmp_path, 4)
    alive = {node.node_id: "alive" for node in nodes}
    async with CoreDns(tmp_path, {ZONE: records(nodes[:3])}) as server:
        for node in nodes:
            node.settings = settings(server)
        nodes[3].settings = nodes[3].settings.replace("_gossip._tcp", "_late._tcp")
        with running(nodes):
            three = dict.fromkeys(list(alive)[:3], "alive")
            await asyncio.to_thread(wait_until, all_see(nodes[:3], three), 30, "three see three alive")
            await asyncio.to_thread(
                wait_until, all_see(nodes[3:], {"n3": "alive"}), 30, "the fourth is alone"
            )

            late = [line.replace("_gossip._tcp", "_late._tcp") for line in records(nodes[:1])]
            await server.set_zone(ZONE, [*records(nodes), *late])
            await asyncio.to_thread(wait_until, all_see(nodes, alive), 30, "four see four alive")

            assert await asyncio.to_thread(lambda: [node.stop() for node in nodes]) == [0] * 4


async def test_discover_shows_what_dns_answers(tmp_path: Path) -> None:
    """Target, address, priority, weight and TTL of every record, and the form of the query that was answered."""
    nodes = make_nodes(tmp_path, 2)
    async with CoreDns(tmp_path, {ZONE: records(nodes)}) as server:
        config = tmp_path / "engram.toml"
        config.write_text(settings(server))
        command = [
            sys.executable,
            "-m",
            "engram_discovery",
            "discover",
            "--provider",
            "dns",
            "--config",
            str(config),
        ]

        table = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        printed = await asyncio.to_thread(
            subprocess.run, [*command, "--json"], capture_output=True, timeout=30
        )

    assert table.returncode == printed.returncode == 0
    assert table.stdout.split()[:7] == ["TARGET", "HOST", "PORT", "PRIORITY", "WEIGHT", "TTL", "SOURCE"]
    assert f"SRV _gossip._tcp.{ZONE}" in table.stderr
    endpoints = json.loads(printed.stdout)["endpoints"]
    assert {(e["host"], e["port"], e["target"], e["ttl"]) for e in endpoints} == {
        (node.host, node.gossip_port, f"{node.node_id}.{ZONE}", 1.0) for node in nodes
    }
