"""How long DNS discovery takes, beside Go's resolver used as grafana/dskit does: ``python -m tests.bench.dns``.

Both ask one CoreDNS on loopback for 3, 100 and 1,000 endpoints, with and without addresses in the additional section.
Rounds alternate, so that both see the same machine. Fails if 1,000 endpoints take 100 ms, or if Go is faster.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engram_discovery.hookspecs import PluginContext
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.runtime.log import get_logger
from engram_discovery.types import Found
from engram_discovery_dns.plugin import plugin
from engram_discovery_dns.settings import DnsSettings
from tests.servers.build import find
from tests.servers.coredns import CoreDns

SIZES = (3, 100, 1000)
ROUNDS = {3: 60, 100: 20, 1000: 3}
BLOCKS = 5
LIMIT_MS = 100.0


def zone_of(count: int) -> list[str]:
    """Return SRV records and the addresses of their targets."""
    srv = [f"_g._tcp SRV 0 0 7946 n{i}" for i in range(count)]
    return [*srv, *(f"n{i} A 10.0.{i >> 8}.{i & 255}" for i in range(count))]


async def measure_ours(server: CoreDns, count: int) -> list[float]:
    """Return the milliseconds of each round of our discoverer."""
    settings = DnsSettings(service=f"_g._tcp.z{count}.test.", nameservers=(f"{server.host}:{server.port}",))
    context = PluginContext(
        provider="dns", identity=None, logger=get_logger("engram_discovery.bench"), clock=SystemClock()
    )
    discoverer = plugin.engram_create_discoverer("dns", settings, context)
    assert discoverer is not None
    times = []
    for _ in range(ROUNDS[count]):
        started = time.perf_counter()
        answer = await discoverer.discover()
        times.append((time.perf_counter() - started) * 1000)
        assert isinstance(answer, Found)
        assert len(answer.endpoints) == count
    return times


def measure_go(server: CoreDns, count: int) -> list[float]:
    """Return the milliseconds of each round of the Go program."""
    arguments = {
        "-server": f"{server.host}:{server.port}",
        "-name": f"_g._tcp.z{count}.test.",
        "-rounds": str(ROUNDS[count]),
        "-want": str(count),
    }
    command = [str(find("godns")), *(part for pair in arguments.items() for part in pair)]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [float(line) for line in result.stdout.split()]


async def measure(server: CoreDns, count: int) -> tuple[float, float]:
    """Return the medians of both, in milliseconds."""
    ours: list[float] = []
    gos: list[float] = []
    await measure_ours(server, count)
    for _ in range(BLOCKS):
        ours += await measure_ours(server, count)
        gos += await asyncio.to_thread(measure_go, server, count)
    return statistics.median(ours), statistics.median(gos)


async def main() -> int:
    """Print a table; return 1 if a limit is missed."""
    missed = False
    print(f"{'additional':<11}{'endpoints':>10}{'ours ms':>10}{'Go ms':>10}")
    for options in ("", "minimal"):
        with tempfile.TemporaryDirectory() as directory:
            zones = {f"z{count}.test": zone_of(count) for count in SIZES}
            async with CoreDns(Path(directory), zones, options=options) as server:
                for count in SIZES:
                    ours, gos = await measure(server, count)
                    slow = ours >= gos or (not options and ours >= LIMIT_MS)
                    missed |= slow
                    words = "stripped" if options else "there"
                    print(f"{words:<11}{count:>10}{ours:>10.2f}{gos:>10.2f}{'  MISSED' if slow else ''}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
