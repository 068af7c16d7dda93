"""Collect all metrics of a node at the scrape, from its current state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from engram_discovery._version import __version__
from engram_discovery.host.entry import PluginState
from engram_discovery.joining.explain import Phase
from engram_discovery.metrics import definitions as metric
from engram_discovery.registration.registration import RegistrationState
from engram_discovery.sources.status import Outcome
from engram_discovery.types import CheckStatus, HealthStatus, JoinOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client import CollectorRegistry, Metric

    from engram_discovery.health.monitor import ClusterHealth
    from engram_discovery.health.readiness import Readiness
    from engram_discovery.host import PluginHost
    from engram_discovery.joining import Joiner
    from engram_discovery.metrics.definitions import Labels
    from engram_discovery.protocols import Membership
    from engram_discovery.registration.registration import Registration
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.settings import Settings
    from engram_discovery.sources import Discovery, SourceStatus
    from engram_discovery.types import NodeIdentity

__all__ = ["MeasuredNode", "NodeCollector", "expose", "register"]

#: The engine's statistic that is not a counter.
_LOCAL_HEALTH = "local_health"


class MeasuredNode(Protocol):
    """The parts of a node that metrics read; ``node.Distributed`` is one."""

    identity: NodeIdentity
    settings: Settings
    membership: Membership
    health: ClusterHealth
    discovery: Discovery
    joiner: Joiner
    registrations: tuple[Registration, ...]
    host: PluginHost
    clock: Clock

    def ready(self) -> Readiness:
        """Return whether the node may receive traffic."""


class NodeCollector(Collector):
    """Turns the current state of a node into metrics whenever the registry is scraped."""

    def __init__(self, node: MeasuredNode) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        """Yield every metric. Called by the registry, from any thread; never blocks."""
        yield from _cluster(self._node)
        yield from _health(self._node.health)
        yield from _discovery(self._node)
        yield from _joining(self._node.joiner)
        yield from _registration(self._node.registrations)
        yield from _plugins(self._node)
        yield from _gossip(self._node.membership)

    def describe(self) -> Iterator[Metric]:
        """Yield every metric without values, so that the registry refuses a second node."""
        for definitions in metric.GROUPS.values():
            for definition in definitions:
                yield definition.series({})


def register(registry: CollectorRegistry, node: MeasuredNode) -> NodeCollector:
    """Add the metrics of a node to a registry; remove them with ``registry.unregister``.

    Raises:
        ValueError: The registry already holds the metrics of a node.
    """
    collector = NodeCollector(node)
    registry.register(collector)
    return collector


def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Collect all metrics of a registry once, as text. Never blocks.

    Args:
        registry: The registry to expose.
        accept: The ``Accept`` header of the scrape: decides between Prometheus text and OpenMetrics.

    Returns:
        The text and its content type.
    """
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _cluster(node: MeasuredNode) -> Iterator[Metric]:
    cluster = node.settings.cluster
    yield metric.INFO.series({(node.identity.cluster, __version__): 1})
    yield metric.WARNINGS.single(len(node.settings.warnings))
    yield metric.ENCRYPTED.single(bool(cluster.security.keys))
    yield metric.EXPECTED.series({} if cluster.expected_size is None else {(): cluster.expected_size})
    yield metric.READY.single(node.ready().ready)


def _health(health: ClusterHealth) -> Iterator[Metric]:
    report, history = health.report(), health.history
    status, counts = report.verdict.status, report.verdict.counts
    yield metric.SIZE.single(counts.total)
    yield metric.LARGEST.single(max(history.largest, counts.alive))
    states: dict[Labels, float] = {
        ("alive",): counts.alive,
        ("suspect",): counts.suspect,
        ("dead",): counts.dead,
        ("left",): counts.left,
    }
    yield metric.NODES.series(states)
    yield metric.STATUS.series({(name.value,): status is name for name in HealthStatus})
    yield metric.RATIO.single(counts.ratio)
    yield metric.TRANSITIONS.series({(name.value,): history.transitions[name] for name in HealthStatus})
    checks: dict[Labels, float] = {
        (name, status.value): result.status is status
        for name, result in report.checks.items()
        for status in CheckStatus
    }
    yield metric.CHECKS.series(checks)
    yield metric.LOOP_LAG.single(health.loop_lag)


def _discovery(node: MeasuredNode) -> Iterator[Metric]:
    """Yield the metrics of all sources; a removed source has no series."""
    sources = node.discovery.status()
    now = node.clock.time()
    outcomes = (Outcome.FOUND, Outcome.EMPTY, Outcome.FAILED)
    yield metric.ROUNDS.series({(s.name, o.value): s.attempts.get(o, 0) for s in sources for o in outcomes})
    yield metric.ROUND_FAILURES.series(_by_kind(sources, lambda s: s.errors))
    yield metric.ROUND_DURATION.durations({(s.name,): s.durations for s in sources})
    yield metric.ENDPOINTS.series({(s.name,): s.count for s in sources})
    yield metric.ENDPOINT_CHANGES.series({(s.name,): s.changes for s in sources})
    yield metric.LAST_SUCCESS.series({(s.name,): now - s.age for s in sources if s.age is not None})
    yield metric.STALE.series({(s.name,): 0.0 if s.resting else s.stale_for or 0.0 for s in sources})
    yield metric.WATCHING.series({(s.name,): s.watching for s in sources})
    yield metric.PARTIAL.series(_by_kind(sources, lambda s: s.partial))
    yield metric.REJECTED.series(_by_kind(sources, lambda s: s.rejected))
    yield metric.WATCH_REPAIRS.series({(s.name,): s.repairs for s in sources})


def _by_kind(
    sources: Iterable[SourceStatus], counts: Callable[[SourceStatus], Mapping[str, int]]
) -> dict[Labels, int]:
    return {(s.name, kind): count for s in sources for kind, count in counts(s).items()}


def _joining(joiner: Joiner) -> Iterator[Metric]:
    phase, attempts = joiner.phase(), joiner.outcomes()
    yield metric.PHASE.series({(name.value,): name is phase for name in Phase})
    yield metric.JOIN_ATTEMPTS.series({(name.value,): attempts.get(name, 0) for name in JoinOutcome})


def _registration(records: Iterable[Registration]) -> Iterator[Metric]:
    records = tuple(records)
    states: dict[Labels, float] = {
        (r.provider, s.value): r.state is s for r in records for s in RegistrationState
    }
    yield metric.RECORD_STATE.series(states)
    yield metric.RECORD_STATE_AGE.series({(r.provider,): r.age for r in records})
    yield metric.RENEWALS.series({(r.provider,): r.renewals for r in records})
    yield metric.RECORD_REPAIRS.series(
        {(r.provider, k): n for r in records for k, n in dict(r.repairs).items()}
    )
    yield metric.RECORD_FAILURES.series(
        {(r.provider, k): n for r in records for k, n in dict(r.failures).items()}
    )
    yield metric.LEASE.series({(r.provider,): r.lease_left for r in records if r.lease_left is not None})


def _plugins(node: MeasuredNode) -> Iterator[Metric]:
    states = [record.state for record in node.host.records()]
    yield metric.PLUGINS.series({(state.value,): states.count(state) for state in PluginState})
    sources = node.discovery.status()
    yield metric.CIRCUIT_OPEN.series({(s.name,): s.circuit_open and not s.resting for s in sources})


def _gossip(membership: Membership) -> Iterator[Metric]:
    stats = membership.stats()
    yield metric.GOSSIP_EVENTS.series({(name,): n for name, n in stats.items() if name != _LOCAL_HEALTH})
    yield metric.LOCAL_HEALTH.series({(): stats[_LOCAL_HEALTH]} if _LOCAL_HEALTH in stats else {})
