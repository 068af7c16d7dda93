"""What the etcd provider adds to bare gRPC and generated code: watches, lists, and the traffic of a quiet node.

python -m tests.bench.etcd
"""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import grpc  # type: ignore[import-untyped]
from aetcd import rpc

from engram_discovery.hookspecs import PluginContext
from engram_discovery.network.address import Address
from engram_discovery.registration.registration import Registration
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.runtime.log import get_logger
from engram_discovery.sources import Source
from engram_discovery.types import NodeIdentity, NodeRecord
from engram_discovery_etcd.client import EtcdClient
from engram_discovery_etcd.discoverer import EtcdDiscoverer
from engram_discovery_etcd.messages import PutRequest, RequestOp, TxnRequest
from engram_discovery_etcd.records import encode
from engram_discovery_etcd.registrar import EtcdRegistrar
from engram_discovery_etcd.settings import EtcdSettings
from tests.servers.etcd import Etcd

ROUNDS = 20
TURNS = 200
WATCHERS = (1, 10, 100)
SIZES = (10, 1000)
QUIET_SECONDS = 10.0
FOLDER, END = b"/engram/bench/", b"/engram/bench0"


class Bench:
    """One etcd, and the objects of the provider and of the bare library over it."""

    def __init__(self, etcd: Etcd) -> None:
        self.etcd = etcd
        self.settings = EtcdSettings(endpoints=(etcd.endpoint,))
        self.context = PluginContext(
            provider="etcd",
            identity=None,
            logger=get_logger("engram_discovery.bench"),
            clock=SystemClock(),
            cluster="bench",
        )

    def client(self) -> EtcdClient:
        return EtcdClient(self.settings, self.context)

    def discoverer(self) -> EtcdDiscoverer:
        return EtcdDiscoverer(self.settings, self.context, self.client())

    def registrar(self) -> EtcdRegistrar:
        return EtcdRegistrar(self.settings, self.client())

    async def deliveries(self, count: int) -> tuple[float, float]:
        """Return the median seconds from a registration to its delivery to so many watchers: ours, and bare."""
        async with AsyncExitStack() as stack:
            registrar = self.registrar()
            stack.push_async_callback(registrar.aclose)
            ours = [await stack.enter_async_context(self.our_watch()) for _ in range(count)]
            mine = await self.registered(registrar, ours)
            await stack.aclose()
        async with AsyncExitStack() as stack:
            registrar = self.registrar()
            stack.push_async_callback(registrar.aclose)
            bare = [await stack.enter_async_context(self.bare_watch()) for _ in range(count)]
            return mine, await self.registered(registrar, bare)

    async def registered(
        self, registrar: EtcdRegistrar, watchers: list[Callable[[], Awaitable[Any]]]
    ) -> float:
        times = []
        for number in range(ROUNDS):
            waiting = [asyncio.ensure_future(watcher()) for watcher in watchers]
            await asyncio.sleep(0)
            started = time.perf_counter()
            await registrar.register(record(0, generation=number))
            await asyncio.gather(*waiting)
            times.append(time.perf_counter() - started)
        await registrar.deregister()
        return statistics.median(times)

    @asynccontextmanager
    async def our_watch(self) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        discoverer = self.discoverer()
        stream: Any = discoverer.watch()
        await anext(stream)
        first = asyncio.ensure_future(anext(stream))  # opens the stream
        await asyncio.sleep(0.05)
        pending = [first]

        async def changed() -> None:
            await (pending.pop() if pending else anext(stream))

        try:
            yield changed
        finally:
            for future in pending:
                future.cancel()
            await stream.aclose()
            await discoverer.aclose()

    @asynccontextmanager
    async def bare_watch(self) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        channel = grpc.aio.insecure_channel(self.etcd.endpoint)
        call = rpc.WatchStub(channel).Watch()
        await call.write(rpc.WatchRequest(create_request=rpc.WatchCreateRequest(key=FOLDER, range_end=END)))
        await call.read()
        try:
            yield call.read
        finally:
            call.cancel()
            await channel.close()

    async def lists(self, size: int) -> tuple[float, float, float]:
        """Return the seconds of a first and of a later ``discover`` over so many keys, and of a bare range."""
        client, discoverer, channel = (
            self.client(),
            self.discoverer(),
            grpc.aio.insecure_channel(self.etcd.endpoint),
        )
        for start in range(0, size, 100):
            puts = [
                RequestOp(request_put=PutRequest(key=FOLDER + b"n%06d" % n, value=encode(record(n))))
                for n in range(start, min(size, start + 100))
            ]
            await client.unary(lambda stubs: stubs.txn, TxnRequest(success=puts))
        stub = rpc.KVStub(channel)
        first = await once(discoverer.discover)
        later, bare = await medians(
            discoverer.discover, lambda: stub.Range(rpc.RangeRequest(key=FOLDER, range_end=END))
        )
        for opened in (client, discoverer):
            await opened.aclose()
        await channel.close()
        return first, later, bare

    async def quiet(self) -> dict[str, float]:
        """Return what etcd received in a minute from a registered, watching node with nothing to do."""
        source = Source(
            "etcd",
            self.discoverer(),
            clock=self.context.clock,
            logger=self.context.logger,
            random=Random(1),
        )
        registration = Registration(
            "etcd",
            self.registrar(),
            record(0),
            clock=self.context.clock,
            random=Random(1),
            logger=self.context.logger,
        )
        source.start()
        registration.start()
        await asyncio.sleep(2)
        before = self.received()
        await asyncio.sleep(QUIET_SECONDS)
        after = self.received()
        await registration.aclose()
        await source.aclose()
        return {name: (after[name] - before.get(name, 0)) * 60 / QUIET_SECONDS for name in after}

    def received(self) -> dict[str, float]:
        """Return etcd's counts: calls by method, and messages on the streams of watches."""
        with urllib.request.urlopen(f"{self.etcd.url}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return {
            **{f"{name} calls": count for name, count in counts(text, "started").items()},
            "Watch messages": counts(text, "msg_received")["Watch"],
        }


def counts(text: str, what: str) -> dict[str, float]:
    """Read etcd's own services from its metrics."""
    pattern = rf'^grpc_server_{what}_total{{grpc_method="(\w+)",grpc_service="etcdserverpb\.\w+".*}} (\S+)$'
    return {method: float(count) for method, count in re.findall(pattern, text, re.MULTILINE)}


def record(number: int, generation: int = 1) -> NodeRecord:
    """Return a node."""
    return NodeRecord(
        identity=NodeIdentity(node_id=f"n{number:06}", generation=generation, cluster="bench"),
        addr=Address("10.0.0.1", 1 + number),
        api_addr=Address("10.0.0.1", 50051),
        version="0.1.0",
    )


async def once(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def medians(*works: Callable[[], Awaitable[Any]]) -> list[float]:
    """Return the median seconds of calls that take turns, so that what else the machine does hits all alike."""
    for work in works:
        await work()
    rounds = [[await once(work) for work in works] for _ in range(TURNS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


async def run() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        async with Etcd(Path(folder)) as etcd:
            bench = Bench(etcd)
            print(f"{'registration → watchers':<26}{'ours':>10}{'bare':>10}{'ratio':>8}")
            for count in WATCHERS:
                ours, bare = await bench.deliveries(count)
                print(f"{count:<26}{ours * 1e3:>7.1f} ms{bare * 1e3:>7.1f} ms{ours / bare:>8.2f}")
            print(f"{'discover, keys':<26}{'ours':>10}{'bare':>10}{'ratio':>8}{'first':>10}")
            for size in SIZES:
                first, later, bare = await bench.lists(size)
                print(
                    f"{size:<26}{later * 1e3:>7.1f} ms{bare * 1e3:>7.1f} ms{later / bare:>8.2f}{first * 1e3:>7.1f} ms"
                )
            calls = {name: rate for name, rate in (await bench.quiet()).items() if rate}
            print(
                "messages a minute, idle   " + ", ".join(f"{name} {rate:.0f}" for name, rate in calls.items())
            )
    print("target: discover at most 1.5 x a bare range; the first one also decodes every record and connects")


if __name__ == "__main__":
    asyncio.run(run())
