"""The counters of the gossip engine, by the engine's own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.metrics.family import counter, gauge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from engram_discovery.node.node import Distributed

__all__ = ["FAMILIES", "collect"]

#: What the engine tells that is no counter.
_LOCAL_HEALTH = "local_health"

EVENTS = counter(
    "engram_gossip_events_total",
    "The engine's counters, each under its own name: packets_received, probes_failed, suspicions and so on.",
    "event",
)
LOCAL_HEALTH = gauge(
    "engram_gossip_local_health", "How much this node doubts itself, 0 for not at all (Lifeguard, section 4)."
)
FAMILIES = (EVENTS, LOCAL_HEALTH)


def collect(context: Distributed) -> Iterator[Metric]:
    """Yield the metrics of the gossip engine."""
    stats = context.membership.stats()
    yield EVENTS.series({(name,): count for name, count in stats.items() if name != _LOCAL_HEALTH})
    yield LOCAL_HEALTH.series({(): stats[_LOCAL_HEALTH]} if _LOCAL_HEALTH in stats else {})
