"""Watches that miss something: cut while the world went on, deaf, or with more to tell than one message holds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from engram_discovery_etcd.messages import WatchResponse
from engram_discovery_etcd.watch import WatchStream
from plugins.etcd.tests.factories import Log, etcd_client, make_source, raw_put, until_watching
from tests.servers.etcd import Etcd
from tests.servers.toxiproxy import Toxiproxy

pytestmark = pytest.mark.server

PEER = b'{"Op":0,"Addr":"10.0.0.1:%d"}'


async def test_what_happened_while_the_watch_was_cut_and_compacted_is_seen(
    etcd: Etcd, link: Toxiproxy
) -> None:
    """Keys made, deleted and compacted away meanwhile: in the end the set is etcd's, nothing missed or resurrected."""
    log = Log()
    source = make_source(log, link.addr)
    source.start()
    async with etcd_client(etcd.endpoint) as client:
        await raw_put(client, *((f"/engram/c/n{number}", PEER % (number + 1)) for number in range(50)))
        await until_watching(source, 50)

        await link.stop()
        await etcd.ctl("del", "/engram/c/n1", "--prefix")  # n1, n10 to n19
        await raw_put(client, ("/engram/c/n60", PEER % 61), ("/engram/c/n61", PEER % 62))
        await etcd.ctl(
            "compact", str(json.loads(await etcd.ctl("get", "/", "-w", "json"))["header"]["revision"])
        )
        await link.start()
        await until_watching(source, 41, within=30)
        ports = {endpoint.port for endpoint in source.snapshot()}
    await source.aclose()

    assert ports == {*range(1, 51), 61, 62} - {2, *range(11, 21)}
    assert "discovery.watch_failed" in log.events


@asynccontextmanager
async def deaf(etcd: Etcd) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a member that answers what etcd answers, but swallows the events of watches; give endpoint and events."""
    swallowed: list[bytes] = []
    async with grpc.aio.insecure_channel(etcd.endpoint) as upstream:

        class Deaf(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC ships no types
            def service(self, details: Any) -> Any:
                async def ask(request: bytes, _: Any) -> bytes:
                    answer: bytes = await upstream.unary_unary(details.method)(request)
                    return answer

                async def watch(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
                    async for answer in upstream.stream_stream(details.method)(requests):
                        if WatchResponse.FromString(answer).events:
                            swallowed.append(answer)
                        else:
                            yield answer

                if details.method.endswith("/Watch"):
                    return grpc.stream_stream_rpc_method_handler(watch)
                return grpc.unary_unary_rpc_method_handler(ask)

        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Deaf(),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}", swallowed
        finally:
            await server.stop(None)


async def test_full_lists_make_up_for_a_deaf_watch(etcd: Etcd) -> None:
    """Events that never come (etcd 3.4 loses some) are made up for by the next full list, which says so."""
    log = Log()
    async with deaf(etcd) as (endpoint, swallowed), etcd_client(etcd.endpoint) as client:
        source = make_source(log, endpoint, full_read_interval=3)
        source.start()
        await until_watching(source, 0)

        await raw_put(client, ("/engram/c/n1", PEER % 1))
        await until_watching(source, 1)
        status = source.status()
        await source.aclose()

    assert swallowed
    assert status.repairs == 1
    assert ("discovery.changes_missed", {"provider": "etcd", "repairs": 1}) in log.lines


async def test_more_events_than_a_message_holds_arrive_in_parts(etcd: Etcd) -> None:
    """Etcd is asked to split what it has to tell: 14 MB of values at once do not break the watch."""
    async with etcd_client(etcd.endpoint) as client:
        for number in range(10):
            await raw_put(client, (f"/engram/c/big{number}", b"x" * 1_400_000))
        await raw_put(client, ("/engram/c/n1", PEER % 1))

        stream = await client.attempt(lambda one: WatchStream.open(one, b"/engram/c/", 2))
        keys: list[bytes] = []
        while b"/engram/c/n1" not in keys:
            keys += [event.kv.key for event in await stream.events()]
        await stream.aclose()

    assert len(keys) == 11
