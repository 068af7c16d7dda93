"""Garbage, half messages, bit flips and replays at every port of a node, for half a minute."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until
from tests.support.recorder import Recorder

SECONDS = 30.0
KEY = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
REQUESTS = [
    b"GET /cluster/health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    b"POST /cluster/nodes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzzz\r\n",
    b"GET /../../etc/passwd HTTP/0.9\r\n\r\n",
    b"GET /%00%ff%2e%2e HTTP/1.1\r\nHost: \x00\r\n\r\n",
]


def mangle(chance: random.Random, recorded: list[bytes]) -> tuple[str, bytes]:
    """Make one hostile message, and say of which kind it is."""
    kind = chance.choice(["random", "truncated", "flipped", "replayed"])
    if kind == "random" or not recorded:
        return "random", chance.randbytes(chance.choice([0, 1, 3, 20, 500, 1400, 9000]))
    message = chance.choice(recorded)
    if kind == "truncated":
        return kind, message[: chance.randrange(len(message) + 1)]
    if kind == "flipped":
        place = chance.randrange(len(message))
        return kind, message[:place] + bytes([message[place] ^ (1 << chance.randrange(8))]) + message[
            place + 1 :
        ]
    return kind, message


async def attack(node: Node, recorder: Recorder, chance: random.Random) -> Counter[str]:
    """Send hostile bytes to gossip over UDP and TCP and to HTTP until the time is over; count what was sent."""
    sent: Counter[str] = Counter()
    end = time.monotonic() + SECONDS
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        while time.monotonic() < end:
            for _ in range(20):
                kind, data = mangle(chance, list(recorder.datagrams))
                udp.sendto(data, (node.host, node.gossip_port))
                sent[f"udp {kind}"] += 1
            kind, data = mangle(chance, list(recorder.streams))
            sent[f"tcp {kind}"] += await send(node.host, node.gossip_port, data)
            kind, data = mangle(chance, REQUESTS)
            sent[f"http {kind}"] += await send(node.host, node.api_port, data)
            await asyncio.sleep(0.01)
    return sent


async def send(host: str, port: int, data: bytes) -> int:
    """Send bytes over a connection of their own, which the node may cut at any time."""
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(data)
            await writer.drain()
            writer.transport.abort()
    except (OSError, TimeoutError):
        return 0
    return 1


@pytest.mark.parametrize("key", ["", KEY], ids=["plaintext", "encrypted"])
async def test_hostile_bytes_do_not_hurt_a_node(tmp_path: Path, key: str) -> None:
    """The node lives on under its pid, stays alive for the others, and answers HTTP as before."""
    nodes = make_nodes(tmp_path, 3, **({"cluster.security.keys": key} if key else {}))
    target = nodes[0]
    front = (target.host, free_port(target.host))
    target.overrides["cluster.advertise"] = f"{front[0]}:{front[1]}"
    for node in nodes:
        node.settings = node.settings.replace(target.gossip, f"{front[0]}:{front[1]}")
    alive = {node.node_id: "alive" for node in nodes}

    def still_joined() -> bool:
        """With a key nobody can make up members; without one the real ones must be there all the same."""
        views = [node.states() for node in nodes]
        return all(view == alive if key else view.items() >= alive.items() for view in views)

    async with Recorder(front, (target.host, target.gossip_port)) as recorder:
        with running(nodes):
            await asyncio.to_thread(wait_until, all_see(nodes, alive), 20, "all three see three alive")
            process = target.process

            sent = await attack(target, recorder, random.Random(7))
            await asyncio.to_thread(wait_until, still_joined, 15, "all three still see three alive")

            assert process
            assert process.poll() is None
            assert all(
                sent[f"udp {kind}"] > 1000 for kind in ("random", "truncated", "flipped", "replayed")
            ), sent
            assert all(sent[f"tcp {kind}"] > 20 for kind in ("random", "truncated", "flipped", "replayed")), (
                sent
            )
            assert all(
                sent[f"http {kind}"] > 20 for kind in ("random", "truncated", "flipped", "replayed")
            ), sent
            assert not key or not [line for node in nodes for line in node.events("member.died")]
            assert "Traceback" not in target.log
            assert not target.events("http.failed")
            assert target.get("/livez") == (200, {"status": "ok"})
            assert await asyncio.to_thread(target.stop) == 0
