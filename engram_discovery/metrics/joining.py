"""JoinCandidates with those who should be members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.metrics.family import counter
from engram_discovery.types import JoinOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from engram_discovery.node.node import Distributed

__all__ = ["FAMILIES", "collect"]

ATTEMPTS = counter(
    "engram_join_attempts_total",
    "Endpoints contacted by result: joined, self (it was ourselves), foreign (another cluster, or another key),"
    " refused, unreachable, silent, unresolvable.",
    "result",
)
FAMILIES = (ATTEMPTS,)


def collect(context: Distributed) -> Iterator[Metric]:
    """Yield the metrics of joining."""
    counts = context.joiner.counts()
    yield ATTEMPTS.series({(result.value,): counts.get(result, 0) for result in JoinOutcome})
