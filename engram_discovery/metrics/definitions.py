"""Every metric of a node, declared once: for the scrape and for the reference page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import Metric

    from engram_discovery.sources.status import Durations

__all__ = ["GROUPS", "Labels", "MetricDefinition", "MetricType"]

#: Label values of a series, in the order of the label names.
Labels = tuple[str, ...]


class MetricType(StrEnum):
    """The metric types of Prometheus that are used."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A metric and its labels.

    Attributes:
        name: The name in the scrape; that of a counter ends in ``_total``.
        type: Its type.
        help: One sentence.
        labels: Names of its labels.
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()

    def single(self, value: float) -> Metric:
        """Build the metric without labels."""
        return self.series({(): value})

    def series(self, values: Mapping[Labels, float]) -> Metric:
        """Build the metric, with one series for each combination of label values."""
        build = GaugeMetricFamily if self.type is MetricType.GAUGE else CounterMetricFamily
        metric = build(self.name, self.help, labels=self.labels)
        for labels, value in values.items():
            metric.add_metric(labels, value)
        return metric

    def durations(self, values: Mapping[Labels, Durations]) -> Metric:
        """Build the metric of a histogram, with its buckets."""
        metric = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for labels, durations in values.items():
            buckets = [(_bound(bound), count) for bound, count in durations.cumulative()]
            metric.add_metric(labels, buckets=buckets, sum_value=durations.total)
        return metric


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else str(seconds)


def _gauge(name: str, text: str, *labels: str) -> MetricDefinition:
    """Declare a gauge."""
    return MetricDefinition(name, MetricType.GAUGE, text, labels)


def _counter(name: str, text: str, *labels: str) -> MetricDefinition:
    """Declare a counter; its name ends in ``_total``."""
    return MetricDefinition(name, MetricType.COUNTER, text, labels)


def _histogram(name: str, text: str, *labels: str) -> MetricDefinition:
    """Declare a histogram."""
    return MetricDefinition(name, MetricType.HISTOGRAM, text, labels)


# --- cluster -------------------------------------------------------------------------------------------------

WARNINGS = _gauge(
    "engram_settings_warnings", "Settings that are valid but risky; each is logged at start-up."
)
ENCRYPTED = _gauge("engram_gossip_encrypted", "1 if a key encrypts and authenticates gossip, else 0.")
INFO = _gauge("engram_info", "Always 1; cluster name and version of this node.", "cluster", "version")
SIZE = _gauge("engram_cluster_size", "Members of the view, this node included.")
LARGEST = _gauge("engram_cluster_size_max", "Largest number of members alive at once since the start.")
EXPECTED = _gauge(
    "engram_cluster_size_expected", "The setting cluster.expected_size; absent if it is not set."
)
NODES = _gauge("engram_cluster_nodes", "Members by state: alive, suspect, dead, left.", "state")
STATUS = _gauge(
    "engram_cluster_health",
    "1 for the current status of the cluster, else 0: healthy, degraded, critical.",
    "status",
)
RATIO = _gauge("engram_cluster_alive_ratio", "Ratio of alive members, 0 to 1, that decides the status.")
PHASE = _gauge(
    "engram_cluster_phase",
    "1 for the current phase of joining, else 0: formed, forming, split, alone, resolving.",
    "phase",
)
TRANSITIONS = _counter(
    "engram_health_transitions_total", "Transitions to each status, as logged: flapping is damped.", "status"
)
CHECKS = _gauge(
    "engram_health_check",
    "1 for the last status of a health check, else 0: passing, warning, critical.",
    "check",
    "status",
)
READY = _gauge("engram_ready", "1 if this node may receive traffic, else 0.")
LOOP_LAG = _counter(
    "engram_event_loop_lag_seconds_total",
    "Event-loop lag: sum of the seconds by which the health loop woke up late.",
)

# --- discovery -----------------------------------------------------------------------------------------------

ROUNDS = _counter(
    "engram_discovery_attempts_total",
    "Discovery rounds by outcome: found, empty, failed.",
    "provider",
    "outcome",
)
ROUND_FAILURES = _counter(
    "engram_discovery_errors_total",
    "Failed rounds by kind of failure; no series before the first.",
    "provider",
    "kind",
)
ROUND_DURATION = _histogram("engram_discovery_duration_seconds", "Duration of discovery rounds.", "provider")
ENDPOINTS = _gauge(
    "engram_discovery_endpoints",
    "Known endpoints; the last-known-good ones while the provider fails.",
    "provider",
)
ENDPOINT_CHANGES = _counter("engram_discovery_changes_total", "Changes of the known endpoints.", "provider")
LAST_SUCCESS = _gauge(
    "engram_discovery_last_success_timestamp_seconds",
    "Unix time of the last answer, found or empty; absent before the first.",
    "provider",
)
STALE = _gauge(
    "engram_discovery_stale_seconds",
    "Seconds since the first failure after the last answer; 0 while the provider works or is idle.",
    "provider",
)
WATCHING = _gauge("engram_discovery_watching", "1 while a watch is open, else 0.", "provider")
PARTIAL = _counter(
    "engram_discovery_partial_total", "Incomplete answers, by kind of gap.", "provider", "kind"
)
REJECTED = _counter(
    "engram_discovery_rejected_total", "Dropped records, by kind of fault.", "provider", "kind"
)
WATCH_REPAIRS = _counter(
    "engram_discovery_watch_repairs_total", "Full reads that found changes missed by the watch.", "provider"
)

# --- joining -------------------------------------------------------------------------------------------------

JOIN_ATTEMPTS = _counter(
    "engram_join_attempts_total",
    "Attempts to join an endpoint by outcome: joined, self (this node itself), foreign (handshake rejected: another"
    " cluster name or key), refused, unreachable, silent, unresolvable.",
    "outcome",
)

# --- registration --------------------------------------------------------------------------------------------

RECORD_STATE = _gauge(
    "engram_registration_state",
    "1 for the current state of the record, else 0: pending, unverified, registered, lost, superseded, draining.",
    "provider",
    "state",
)
RECORD_STATE_AGE = _gauge(
    "engram_registration_state_age_seconds", "Seconds since the record entered its current state.", "provider"
)
RENEWALS = _counter("engram_registration_renewals_total", "Renewals of the lease.", "provider")
RECORD_REPAIRS = _counter(
    "engram_registration_repairs_total",
    "Re-registrations of a lost record, by kind of loss.",
    "provider",
    "kind",
)
RECORD_FAILURES = _counter(
    "engram_registration_failures_total",
    "Failed attempts to register, renew or verify, by kind of failure.",
    "provider",
    "kind",
)
LEASE = _gauge(
    "engram_registration_lease_seconds",
    "Seconds until the registry drops the record unless it is renewed; absent where there is no lease.",
    "provider",
)

# --- plugins and gossip --------------------------------------------------------------------------------------

PLUGINS = _gauge(
    "engram_plugins",
    "Installed plugins by state: available, loaded, disabled, failed, incompatible, conflict.",
    "state",
)
CIRCUIT_OPEN = _gauge(
    "engram_plugin_circuit_open",
    "1 while the circuit breaker of a provider is open: its plugin crashed or timed out repeatedly, else 0.",
    "provider",
)
GOSSIP_EVENTS = _counter(
    "engram_gossip_events_total",
    "The engine's counters by its own names: packets_received, probes_failed, suspicions and so on.",
    "event",
)
LOCAL_HEALTH = _gauge(
    "engram_gossip_local_health", "Lifeguard local health score, 0 is best (Lifeguard, section 4)."
)

#: All definitions by their titles on the reference page.
GROUPS: Mapping[str, tuple[MetricDefinition, ...]] = MappingProxyType(
    {
        "Cluster": (
            WARNINGS,
            ENCRYPTED,
            INFO,
            SIZE,
            LARGEST,
            EXPECTED,
            NODES,
            STATUS,
            RATIO,
            PHASE,
            TRANSITIONS,
            CHECKS,
            READY,
            LOOP_LAG,
        ),
        "Discovery": (
            ROUNDS,
            ROUND_FAILURES,
            ROUND_DURATION,
            ENDPOINTS,
            ENDPOINT_CHANGES,
            LAST_SUCCESS,
            STALE,
            WATCHING,
            PARTIAL,
            REJECTED,
            WATCH_REPAIRS,
        ),
        "Joining": (JOIN_ATTEMPTS,),
        "Registration": (RECORD_STATE, RECORD_STATE_AGE, RENEWALS, RECORD_REPAIRS, RECORD_FAILURES, LEASE),
        "Plugins": (PLUGINS, CIRCUIT_OPEN),
        "Gossip": (GOSSIP_EVENTS, LOCAL_HEALTH),
    }
)
