"""What looking costs: a scrape and an update of the status page, beside listing the same members.

python -m tests.bench.scrape
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import tracemalloc
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, generate_latest

from engram_discovery.http.bodies import status_body
from engram_discovery.metrics import register
from engram_discovery.node.node import Distributed
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.testing import FakeClock, make_member
from engram_discovery.types import EventKind, NodeState
from tests.bench.health import measure
from tests.support.in_memory_node import make_node, many_members
from tests.support.scripted import Scripted, found

CHANGES = 10_000


def main() -> None:
    """Print a table, then what a long history leaves behind."""
    logging.disable()
    columns = ("scrape", "series", "bytes", "page update", "bytes", "floor", "update/floor")
    print(f"{'members':>8} " + " ".join(f"{column:>12}" for column in columns))
    for size in (3, 100, 1_000):
        node = asyncio.run(make(size))
        registry = CollectorRegistry()
        register(registry, node)
        scrape = measure(partial(generate_latest, registry))
        text = generate_latest(registry)
        series = sum(not line.startswith(b"#") for line in text.splitlines())
        body = update(node)
        page = measure(partial(update, node))
        floor = measure(listing(node))
        print(
            f"{size:>8} {scrape * 1e3:>9.3f} ms {series:>12} {len(text):>12} {page * 1e3:>9.3f} ms"
            f" {len(body):>12} {floor * 1e3:>9.3f} ms {page / floor:>10.1f} x"
        )
    print("a page asks every second, every 3 s beyond 60 members; the floor lists id and state as JSON")
    grown = asyncio.run(growth())
    print(f"{CHANGES} changes of members: {grown / 1024:+.0f} KiB over what {CHANGES} before them had left")
    print("target: no growth; fewer than 250 series at any size")


async def make(size: int) -> Distributed:
    """Make a node with three sources over so many members."""
    sources = {name: Scripted(found(1, 2, 3)) for name in ("consul", "dns", "static")}
    node = make_node(SystemClock(), many_members(size), discoverers=sources)
    await node.discovery.discover()
    await node.discovery.aclose()
    return node


def update(node: Distributed) -> str:
    """Write what the status page asks for."""
    return json.dumps(status_body(node)[1], ensure_ascii=True, separators=(",", ":"))


def listing(node: Distributed) -> Callable[[], str]:
    """Return the least that any page would need."""
    return lambda: json.dumps([(m.node_id, m.state) for m in node.membership.members()])


async def growth() -> int:
    """Return the bytes that changes leave behind, once the history is full."""
    clock = FakeClock()
    node = make_node(clock, many_members(3))
    node.health.start()
    registry = CollectorRegistry()
    register(registry, node)
    await churn(node, clock)
    tracemalloc.start()
    await churn(node, clock)
    generate_latest(registry)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    await churn(node, clock)
    generate_latest(registry)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    await node.health.aclose()
    return after - before


async def churn(node: Distributed, clock: FakeClock) -> None:
    """Let members come and go."""
    kinds = ((EventKind.DIED, NodeState.DEAD), (EventKind.JOINED, NodeState.ALIVE))
    for number in range(CHANGES):
        kind, state = kinds[number % 2]
        node.membership.see(kind, make_member(f"node-{number % 7}", state, port=9))  # type: ignore[attr-defined]
        await clock.advance(0.3)


if __name__ == "__main__":
    main()
