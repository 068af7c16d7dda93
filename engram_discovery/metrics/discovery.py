"""What each source of addresses says. A source that is gone has no series any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.metrics.family import counter, gauge, histogram
from engram_discovery.sources.status import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client import Metric

    from engram_discovery.metrics.family import Labels
    from engram_discovery.node.node import Distributed
    from engram_discovery.sources.status import SourceStatus

__all__ = ["FAMILIES", "collect"]

ROUNDS = counter(
    "engram_discovery_attempts_total", "Rounds by outcome: found, empty, failed.", "provider", "outcome"
)
FAILURES = counter(
    "engram_discovery_errors_total", "Failed rounds by kind of error, once there was one.", "provider", "kind"
)
DURATION = histogram("engram_discovery_duration_seconds", "How long rounds took.", "provider")
ENDPOINTS = gauge(
    "engram_discovery_endpoints", "Endpoints held; the last good ones while the source fails.", "provider"
)
CHANGES = counter("engram_discovery_changes_total", "How often the endpoints held have changed.", "provider")
LAST = gauge(
    "engram_discovery_last_success_timestamp_seconds",
    "Unix time of the last answer, found or empty; absent before the first.",
    "provider",
)
STALE = gauge(
    "engram_discovery_stale_seconds",
    "Seconds since the first failure after the last answer; 0 while the source works, or rests because another does.",
    "provider",
)
WATCHING = gauge("engram_discovery_watching", "1 while changes are pushed to us, else 0.", "provider")
PARTIAL = counter(
    "engram_discovery_partial_total",
    "Answers that were not the whole truth, by reason.",
    "provider",
    "reason",
)
REJECTED = counter("engram_discovery_rejected_total", "Records dropped, by reason.", "provider", "reason")
REPAIRS = counter(
    "engram_discovery_watch_repairs_total", "Full reads that found what the watch had missed.", "provider"
)
FAMILIES = (
    ROUNDS,
    FAILURES,
    DURATION,
    ENDPOINTS,
    CHANGES,
    LAST,
    STALE,
    WATCHING,
    PARTIAL,
    REJECTED,
    REPAIRS,
)

_OUTCOMES = (Outcome.FOUND, Outcome.EMPTY, Outcome.FAILED)


def _by_reason(
    sources: Iterable[SourceStatus], counts: Callable[[SourceStatus], Mapping[str, int]]
) -> dict[Labels, int]:
    return {(s.name, reason): count for s in sources for reason, count in counts(s).items()}


def collect(context: Distributed) -> Iterator[Metric]:
    """Yield the metrics of all sources."""
    sources = context.discovery.status()
    now = context.clock.time()
    yield ROUNDS.series({(s.name, o.value): s.attempts.get(o, 0) for s in sources for o in _OUTCOMES})
    yield FAILURES.series(_by_reason(sources, lambda s: s.errors))
    yield DURATION.durations({(s.name,): s.durations for s in sources})
    yield ENDPOINTS.series({(s.name,): s.count for s in sources})
    yield CHANGES.series({(s.name,): s.changes for s in sources})
    yield LAST.series({(s.name,): now - s.age for s in sources if s.age is not None})
    yield STALE.series({(s.name,): 0.0 if s.resting else s.stale_for or 0.0 for s in sources})
    yield WATCHING.series({(s.name,): s.watching for s in sources})
    yield PARTIAL.series(_by_reason(sources, lambda s: s.partial))
    yield REJECTED.series(_by_reason(sources, lambda s: s.rejected))
    yield REPAIRS.series({(s.name,): s.repairs for s in sources})
