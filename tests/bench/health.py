"""What health monitoring costs: CPU share of its loop, and one report, beside counting the same members by hand.

python -m tests.bench.health
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from engram_discovery.health.monitor import ClusterHealth
from engram_discovery.http.bodies import health_body
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.runtime.log import get_logger
from engram_discovery.settings.models import HealthSettings
from engram_discovery.testing import FakeMembership, make_member
from engram_discovery.types import NodeState

ROUNDS = 50
INTERVAL = 10.0


def _check(health: ClusterHealth) -> None:
    asyncio.run(health.check())


def _body(health: ClusterHealth) -> str:
    return json.dumps(health_body(health.report()))


def _count(membership: FakeMembership) -> Counter[NodeState]:
    return Counter(member.state for member in membership.members())


def main() -> None:
    """Print a table."""
    columns = ("one look", "CPU share", "report", "as JSON", "floor", "report/floor")
    print(f"{'members':>8} " + " ".join(f"{column:>11}" for column in columns))
    for size in (3, 100, 1_000, 10_000):
        health, membership = make(size)
        look = measure(partial(_check, health))
        report = measure(health.report)
        body = measure(partial(_body, health))
        floor = measure(partial(_count, membership))
        print(
            f"{size:>8} {look * 1e3:>8.3f} ms {look / INTERVAL:>10.4%} {report * 1e3:>8.3f} ms"
            f" {body * 1e3:>8.3f} ms {floor * 1e3:>8.3f} ms {report / floor:>11.1f} x"
        )
    print("target: CPU share below 0.1 % up to 1,000 members; a report over 10,000 members below 20 ms")
    print(
        f"one look counts, judges and logs; it runs every {INTERVAL:.0f} s. The floor only counts the states."
    )


def make(size: int) -> tuple[ClusterHealth, FakeMembership]:
    """Make a health monitor over so many living members."""
    members = [make_member(f"node-{n}", port=1 + n % 65535, is_self=n == 0) for n in range(size)]
    membership = FakeMembership(members)
    health = ClusterHealth(
        membership,
        HealthSettings(),
        expected_size=None,
        clock=SystemClock(),
        logger=get_logger("engram_discovery.bench"),
    )
    return health, membership


def measure(work: Callable[[], object]) -> float:
    """Return the median CPU seconds of one call."""
    work()
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()
