"""Prometheus metrics on a registry that the caller gives; nothing is ever put on the default one.

Values are read at the scrape, from the current view: there is nothing to update and nothing to go stale. No address or
node id is ever a label, so the number of series does not grow with the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from engram_discovery.registration import RegistrationState
from engram_discovery.types import HealthStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prometheus_client import CollectorRegistry, Metric

    from engram_discovery.health import ClusterHealth
    from engram_discovery.registration import Registration

__all__ = ["ClusterCollector", "RegistrationCollector", "register"]


class ClusterCollector(Collector):
    """Turns the current view into metrics whenever the registry is scraped."""

    def __init__(self, health: ClusterHealth) -> None:
        self._health = health

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of the cluster. Called by the registry, from any thread."""
        verdict = self._health.verdict()
        yield GaugeMetricFamily(
            "engram_cluster_size", "Members that this node counts, itself included.", value=verdict.total
        )
        nodes = GaugeMetricFamily("engram_cluster_nodes", "Members by state.", labels=["state"])
        counts = {
            "alive": verdict.alive,
            "suspect": verdict.suspect,
            "dead": verdict.dead - verdict.left,
            "left": verdict.left,
        }
        for state, count in counts.items():
            nodes.add_metric([state], count)
        yield nodes
        status = GaugeMetricFamily(
            "engram_cluster_health", "1 for the status that the cluster has, else 0.", labels=["status"]
        )
        for name in HealthStatus:
            status.add_metric([name.value], float(verdict.status is name))
        yield status
        yield GaugeMetricFamily(
            "engram_cluster_alive_ratio",
            "Share of alive members that decides the status.",
            value=verdict.ratio,
        )


class RegistrationCollector(Collector):
    """Turns the state of our records in registries into metrics whenever the registry is scraped."""

    def __init__(self, registrations: Sequence[Registration]) -> None:
        self._registrations = tuple(registrations)

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of all registrations. Called by the registry, from any thread."""
        state = GaugeMetricFamily(
            "engram_registration_state",
            "1 for the state that our record is in, else 0.",
            labels=["provider", "state"],
        )
        age = GaugeMetricFamily(
            "engram_registration_state_age_seconds",
            "Time for which the state has been what it is.",
            labels=["provider"],
        )
        renewals = CounterMetricFamily(
            "engram_registration_renewals", "Renewals that the registry granted.", labels=["provider"]
        )
        for registration in self._registrations:
            for one in RegistrationState:
                state.add_metric([registration.provider, one], float(one is registration.state))
            age.add_metric([registration.provider], registration.age)
            renewals.add_metric([registration.provider], registration.renewals)
        yield from (state, age, renewals)
        yield self._by_reason(
            "engram_registration_repairs",
            "Records found lost and made again.",
            {one.provider: one.repairs for one in self._registrations},
        )
        yield self._by_reason(
            "engram_registration_failures",
            "Tries to make, renew or read our record that failed.",
            {one.provider: one.failures for one in self._registrations},
        )

    @staticmethod
    def _by_reason(name: str, text: str, counts: Mapping[str, Mapping[str, int]]) -> Metric:
        family = CounterMetricFamily(name, text, labels=["provider", "reason"])
        for provider, reasons in counts.items():
            for reason, count in dict(reasons).items():
                family.add_metric([provider, reason], count)
        return family


def register(registry: CollectorRegistry, health: ClusterHealth) -> ClusterCollector:
    """Put the cluster's metrics on a registry; take them off with ``registry.unregister``.

    Raises:
        ValueError: The registry already holds metrics of a cluster.
    """
    collector = ClusterCollector(health)
    registry.register(collector)
    return collector
