"""The Consul provider beside bare HTTP: delivery of a change, one read, and how often it asks when nothing happens.

python -m tests.bench.consul [delivery] [reading] [idle]
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from engram_discovery_consul.transport import Transport
from plugins.consul.tests.factories import Maker, record
from plugins.consul.tests.loop_lag import loop_lag
from tests.servers.consul import Consul

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

_ROUNDS = 4
_READS = 150
_MANY = 2000
_IDLE_SECONDS = 15.0
_PACE = 1.1


async def main(parts: list[str]) -> None:
    """Run the parts against one agent."""
    with tempfile.TemporaryDirectory() as folder:
        async with Consul(Path(folder), in_memory=False) as consul:  # -dev indents its JSON
            await consul.add("engram-first")
            for part in parts or ["reading", "delivery", "idle"]:
                await _PARTS[part](consul)


async def delivery(consul: Consul) -> None:
    """Time from sending a registration to its arrival at the last of some watchers."""
    bare = await _median_delivery(consul, [_bare_watcher(consul)], "bare")
    print(f"registration to a bare blocking query  {bare * 1000:7.1f} ms")
    for count in (1, 10, 100):
        async with AsyncExitStack() as stack:
            makers = [await stack.enter_async_context(Maker(consul.addr)) for _ in range(count)]
            watchers = [maker.discoverer().watch() for maker in makers]
            seconds = await _median_delivery(consul, watchers, f"w{count}")
        print(
            f"registration to {count:3} watchers, the last  {seconds * 1000:7.1f} ms   {seconds / bare:.1f} x bare"
        )


async def reading(consul: Consul) -> None:
    """Time one ``discover`` beside a bare GET of the same answer over a kept connection, one record changed or none."""
    numbers = itertools.count()
    for count in (3, 100):
        for number in range(count):
            await consul.add(f"engram-r{number}", Address=f"192.0.2.{number}")
        url = f"http://{consul.addr}/v1/health/service/engram?tag=engram"
        async with aiohttp.ClientSession() as session, Maker(consul.addr) as make:

            async def get(session: aiohttp.ClientSession = session, url: str = url) -> bytes:
                async with session.get(url) as response:
                    return await response.read()

            async def get_plain(session: aiohttp.ClientSession = session, url: str = url) -> bytes:
                async with session.get(url, headers={"Accept-Encoding": "identity"}) as response:
                    return await response.read()

            async def get_json(get: Callable[[], Awaitable[bytes]] = get_plain) -> None:
                json.loads(await get())

            async def change(
                numbers: Iterator[int] = numbers, get: Callable[[], Awaitable[bytes]] = get
            ) -> None:
                await consul.add("engram-r0", Address="192.0.2.0", Meta={"number": str(next(numbers))})
                await get()  # the first GET after a change takes the agent longer, whoever asks

            discover = make.discoverer().discover
            bare, plain, decoded, first, again = await _medians(
                get, get_plain, get_json, discover, discover, before=change
            )
        for what, seconds in (("a new answer", first), ("the same answer again", again)):
            print(
                f"one discover of {count:3} instances, {what:<21} {seconds * 1000:6.2f} ms, "
                f"bare GET {bare * 1000:5.2f} ms {seconds / bare:.2f} x (target 1.50), "
                f"without gzip {plain * 1000:5.2f} ms {seconds / plain:.2f} x, "
                f"and with json.loads {decoded * 1000:5.2f} ms {seconds / decoded:.2f} x"
            )
    await _first_of_many(consul)


async def _first_of_many(consul: Consul) -> None:
    """Time the first ``discover`` of a large service, and for how long it keeps the event loop from others."""
    for number in range(_MANY):
        await consul.add(f"engram-m{number}", Address=f"198.18.{number // 256}.{number % 256}")
    took, lags = [], []
    for _ in range(5):
        async with Maker(consul.addr) as make:
            discoverer = make.discoverer()
            async with loop_lag() as lag:
                started = time.perf_counter()
                await discoverer.discover()
                took.append(time.perf_counter() - started)
            lags.append(lag.longest)
    print(
        f"first discover of {_MANY} instances  {statistics.median(took) * 1000:6.1f} ms, "
        f"the event loop held for {statistics.median(lags) * 1000:5.1f} ms at most"
    )


async def idle(consul: Consul) -> None:
    """Count the calls of a registered node that watches, while nothing changes."""
    calls: Counter[str] = Counter()
    send = Transport._call

    async def counted(self: Transport, method: str, callback: Any, path: str, *rest: Any) -> Any:
        calls[f"{method} {path}"] += 1
        return await send(self, method, callback, path, *rest)

    Transport._call = counted  # type: ignore[method-assign, assignment]
    async with Maker(consul.addr) as make:
        node = record()
        make.registration(node)
        make.source(node)
        check = make.health_check(node)
        await asyncio.sleep(3)
        calls.clear()
        started = time.monotonic()
        while time.monotonic() - started < _IDLE_SECONDS:
            await check.check()
            await asyncio.sleep(10)
        minutes, seen = (time.monotonic() - started) / 60, dict(calls)
    Transport._call = send  # type: ignore[method-assign]
    print(f"calls a minute at idle  {sum(seen.values()) / minutes:.0f}   {seen}")


async def _median_delivery(consul: Consul, watchers: list[AsyncIterator[Any]], name: str) -> float:
    """Register peers one after the other and return the median time until every watcher has told."""
    for watcher in watchers:
        await anext(watcher)
    took = []
    for number in range(_ROUNDS):
        waiting = [asyncio.ensure_future(anext(watcher)) for watcher in watchers]
        await asyncio.sleep(_PACE)  # let the pace of one request a second be no part of it
        started = time.perf_counter()
        await consul.add(f"engram-{name}-{number}", Address=f"198.51.100.{number}")
        await asyncio.gather(*waiting)
        took.append(time.perf_counter() - started)
    for watcher in watchers:
        await watcher.aclose()  # type: ignore[attr-defined]
    for number in range(_ROUNDS):
        await consul.remove(f"engram-{name}-{number}")
    return statistics.median(took)


async def _bare_watcher(consul: Consul) -> AsyncIterator[None]:
    url, index = f"http://{consul.addr}/v1/health/service/engram?tag=engram", "0"
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}&index={index}&wait=60s") as response:
                await response.json()
                index = response.headers["X-Consul-Index"]
            yield


async def _medians(
    *calls: Callable[[], Awaitable[Any]], before: Callable[[], Awaitable[None]]
) -> list[float]:
    """Time calls in turn, so that what else the machine does meets all of them."""
    took: list[list[float]] = [[] for _ in calls]
    for _ in range(_READS):
        await before()
        for call, seconds in zip(calls, took, strict=True):
            started = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - started)
    return [statistics.median(seconds) for seconds in took]


_PARTS = {"delivery": delivery, "reading": reading, "idle": idle}

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
