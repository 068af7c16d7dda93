"""Time from the start of n processes until all of them see all, beside Serf agents; and what an idle source costs.

python -m tests.bench.formation

Both sides start all processes at once and know the same three seeds. Our nodes are asked over HTTP whom they see, one
after the other; Serf agents log it. A Python process takes long to start, so the time of n bare interpreters with the
imports that no node can avoid stands beside, and so do n Serf commands that only print their version.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from engram_discovery.runtime.clock import SystemClock
from engram_discovery.runtime.log import get_logger
from engram_discovery.sources import Source
from engram_discovery.types import Endpoint, Found
from tests.bench.startup import FLOOR
from tests.servers.build import find
from tests.servers.process import free_port
from tests.support.node_processes import all_see, make_nodes, running, seeds_table, wait_until

SIZES = (3, 10, 30)
SEEDS = 3
PATIENCE = 60.0
SOURCES = 1000
IDLE_SECONDS = 5.0


def main() -> None:
    """Print one line for each size, then the cost of a source."""
    # A process that may not keep its compiled modules would be timed compiling them, on both sides of the ratio.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    serf = str(find("serf"))
    print("seconds until  all ready  all see all  bare Python   Serf all see all  bare Serf")
    for size in SIZES:
        (ready, ours), python = form_ours(size), start_all([sys.executable, "-c", f"import {FLOOR}"], size)
        theirs, bare = form_serf(serf, size), start_all([serf, "version"], size)
        print(f"{size:7} nodes {ready:10.2f} {ours:12.2f} {python:12.2f} {theirs:18.2f} {bare:10.2f}")
    for name, discoverer, faster in (("polled every 30 s", Polled, 30), ("watched", Watched, 1)):
        cpu, memory = asyncio.run(idle_cost(discoverer, faster))
        print(f"a source {name}, nothing new: {cpu * 1e6:.1f} us of CPU a second, {memory / 1024:.1f} KiB")


# --- formation -------------------------------------------------------------------------------------------------


def form_ours(size: int) -> tuple[float, float]:
    """Start nodes, and time how long it takes until each is ready, and until each sees all."""
    with tempfile.TemporaryDirectory() as folder:
        nodes = make_nodes(Path(folder), size)
        for node in nodes:
            node.settings = seeds_table([seed.gossip for seed in nodes[:SEEDS]])
        alive = {node.node_id: "alive" for node in nodes}
        began = time.monotonic()
        with running(nodes):
            for node in nodes:
                wait_until(lambda: node.events("node.ready"), PATIENCE, f"{node.node_id} is ready")  # noqa: B023
            ready = time.monotonic() - began
            for node in nodes:
                wait_until(all_see([node], alive), PATIENCE, f"{node.node_id} sees all")
            return ready, time.monotonic() - began


def form_serf(serf: str, size: int) -> float:
    """Start Serf agents, and time the same."""
    hosts = [f"127.0.0.{number + 1}" for number in range(size)]
    binds = [f"{host}:{free_port(host)}" for host in hosts]
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder) / f"n{number}.log" for number in range(size)]
        commands = [
            [serf, "agent", f"-node=n{number}", f"-bind={bind}", f"-rpc-addr={hosts[number]}:{free_port()}"]
            + [f"-retry-join={seed}" for seed in binds[:SEEDS] if seed != bind]
            + ["-retry-interval=1s"]
            for number, bind in enumerate(binds)
        ]
        began = time.monotonic()
        with ExitStack() as stack:
            for command, log in zip(commands, logs, strict=True):
                stack.enter_context(process(command, log))
            for log in logs:
                wait_until(lambda: len(seen(log)) == size, PATIENCE, f"{log.stem} sees all")  # noqa: B023  called at once
            return time.monotonic() - began


def seen(log: Path) -> set[str]:
    """Return the agents that a Serf agent says have joined, itself included."""
    return set(re.findall(r"EventMemberJoin: (\S+)", log.read_text()))


def start_all(command: list[str], count: int) -> float:
    """Time that many processes of a command, started at once, until the last one has ended."""
    began = time.monotonic()
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    for one in processes:
        one.wait()
    return time.monotonic() - began


@contextmanager
def process(command: list[str], log: Path) -> Iterator[None]:
    """Run a process that logs to a file, and kill it."""
    with log.open("wb") as file:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield
    finally:
        started.kill()
        started.wait()


# --- an idle source --------------------------------------------------------------------------------------------


class Polled:
    """Answers at once, the same every time."""

    async def discover(self) -> Found:
        """Answer."""
        return Found(tuple(Endpoint(f"192.0.2.{host}", 7946) for host in range(1, 4)))

    async def aclose(self) -> None:
        """Do nothing."""


class Watched(Polled):
    """Answers once, and never tells of a change."""

    async def watch(self) -> AsyncIterator[Found]:
        """Answer, then wait for ever."""
        yield await self.discover()
        await asyncio.Event().wait()


async def idle_cost(discoverer: type[Polled], faster: int) -> tuple[float, float]:
    """Return what one source costs whose answer stays the same: CPU seconds a second, and bytes.

    It is polled so many times faster than every 30 s, so that a few seconds see thousands of rounds.
    """
    tracemalloc.start()
    sources = [
        Source(
            f"source{number}",
            discoverer(),
            clock=SystemClock(),
            logger=get_logger("bench"),
            random=random.Random(number),
            refresh_interval=30.0 / faster,
        )
        for number in range(SOURCES)
    ]
    for source in sources:
        source.start()
    await asyncio.sleep(IDLE_SECONDS)
    held = tracemalloc.get_traced_memory()[0] / SOURCES
    tracemalloc.stop()
    used = time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    used = time.process_time() - used
    for source in sources:
        await source.aclose()
    return used / IDLE_SECONDS / SOURCES / faster, held


if __name__ == "__main__":
    main()
