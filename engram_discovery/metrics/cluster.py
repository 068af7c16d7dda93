"""The cluster as this node sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery._version import __version__
from engram_discovery.joining.explain import Phase
from engram_discovery.metrics.family import counter, gauge
from engram_discovery.types import CheckStatus, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from engram_discovery.health.monitor import ClusterHealth
    from engram_discovery.metrics.family import Labels
    from engram_discovery.node.node import Distributed

__all__ = ["FAMILIES", "collect"]

INFO = gauge("engram_info", "Always 1; tells cluster name and version of this node.", "cluster", "version")
SIZE = gauge("engram_cluster_size", "Members that this node counts, itself included.")
LARGEST = gauge("engram_cluster_size_max", "Most members alive at once in this run.")
EXPECTED = gauge(
    "engram_cluster_size_expected", "Members expected by the settings; absent if they do not say."
)
NODES = gauge("engram_cluster_nodes", "Members by state: alive, suspect, dead, left.", "state")
STATUS = gauge(
    "engram_cluster_health",
    "1 for the status that the cluster has, else 0: healthy, degraded, critical.",
    "status",
)
RATIO = gauge("engram_cluster_alive_ratio", "Share of alive members, 0 to 1, that decides the status.")
PHASE = gauge(
    "engram_cluster_phase",
    "1 for the phase of joining, else 0: formed, forming, split, alone, resolving.",
    "phase",
)
TRANSITIONS = counter(
    "engram_health_transitions_total",
    "How often a status was entered, as logged: flapping is damped.",
    "status",
)
CHECKS = gauge(
    "engram_health_check",
    "1 for the last result of a provider's check, else 0: passing, warning, critical.",
    "check",
    "status",
)
READY = gauge("engram_ready", "1 if this node may be given work, else 0.")
LATE = counter(
    "engram_event_loop_lag_seconds_total",
    "Seconds by which looks at the health came late: the loop was blocked.",
)
WARNINGS = gauge(
    "engram_settings_warnings", "Settings that work but are doubtful; the log told each of them at the start."
)
ENCRYPTED = gauge("engram_gossip_encrypted", "1 if a key encrypts and authenticates gossip, else 0.")
FAMILIES = (
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
    LATE,
)


def collect(context: Distributed) -> Iterator[Metric]:
    """Yield the metrics of the cluster."""
    cluster = context.settings.cluster
    yield INFO.series({(context.identity.cluster, __version__): 1})
    yield WARNINGS.single(len(context.settings.warnings))
    yield ENCRYPTED.single(bool(cluster.security.keys))
    yield from _counts(context.health)
    yield EXPECTED.series({} if cluster.expected_size is None else {(): cluster.expected_size})
    phase = context.joiner.phase()
    yield PHASE.series({(name.value,): name is phase for name in Phase})
    yield READY.single(context.ready().ready)


def _counts(health: ClusterHealth) -> Iterator[Metric]:
    report, history = health.report(), health.history
    verdict = report.verdict
    yield SIZE.single(verdict.total)
    yield LARGEST.single(max(history.largest, verdict.alive))
    states: dict[Labels, float] = {
        ("alive",): verdict.alive,
        ("suspect",): verdict.suspect,
        ("dead",): verdict.dead - verdict.left,
        ("left",): verdict.left,
    }
    yield NODES.series(states)
    yield STATUS.series({(name.value,): verdict.status is name for name in HealthStatus})
    yield RATIO.single(verdict.ratio)
    yield TRANSITIONS.series({(name.value,): history.transitions[name] for name in HealthStatus})
    checks: dict[Labels, float] = {
        (name, status.value): result.status is status
        for name, result in report.checks.items()
        for status in CheckStatus
    }
    yield CHECKS.series(checks)
    yield LATE.single(health.late)
