"""Is the cluster healthy? Counts of members by state, and the verdict.

The rules are the specification's: ratio = alive / (alive + suspect + dead), where a node that left counts as dead until
it is forgotten; below 0.5 critical, below 0.8 degraded; nobody at all counts as 1.0. ``expected_size`` replaces the
denominator where it is larger, so that nodes that never came do not look healthy.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.health.history import History
from engram_discovery.health.log import HealthLog
from engram_discovery.network.address import format_address
from engram_discovery.runtime.plugin_call import PluginCall, PluginCallError
from engram_discovery.types import CheckResult, CheckStatus, HealthStatus, NodeState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from engram_discovery.protocols import HealthCheck, Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.settings.models import HealthSettings
    from engram_discovery.types import Member, MembershipEvent

__all__ = ["ClusterHealth", "HealthReport", "NodeHealth", "Verdict", "judge"]

_CHECK_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The counts and what they mean.

    Attributes:
        status: Healthy, degraded or critical.
        total: Members counted, this node included.
        alive: Alive ones.
        suspect: Suspect ones.
        dead: Dead ones and those that left.
        left: How many of ``dead`` left on purpose.
        ratio: Share of alive ones, 1.0 for an empty view.
    """

    status: HealthStatus
    total: int
    alive: int
    suspect: int
    dead: int
    left: int
    ratio: float


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """One node in a report.

    Attributes:
        id: Its node id.
        addr: Its gossip address.
        state: Its state.
        last_seen: Whole seconds since our view of it last changed; 0 for this node.
        spaces: The memory spaces that it told.
        spaces_omitted: How many more it holds that did not fit into gossip.
    """

    id: str
    addr: str
    state: NodeState
    last_seen: int
    spaces: tuple[str, ...]
    spaces_omitted: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What ``/cluster/health`` shows.

    Attributes:
        verdict: Counts and status.
        expected_size: The setting, if there is one.
        nodes: Every member, this node first.
        checks: The last result of every health check, by name.
        own_checks: Names of those that are not a plugin's, but the host's own account of its sources.
    """

    verdict: Verdict
    expected_size: int | None
    nodes: tuple[NodeHealth, ...]
    checks: Mapping[str, CheckResult]
    own_checks: frozenset[str]

    @property
    def status(self) -> HealthStatus:
        """The verdict's status."""
        return self.verdict.status


def judge(members: Sequence[Member], settings: HealthSettings, expected_size: int | None = None) -> Verdict:
    """Count members and say what that means."""
    counts = Counter(member.state for member in members)
    alive, suspect, left = counts[NodeState.ALIVE], counts[NodeState.SUSPECT], counts[NodeState.LEFT]
    total = len(members)
    denominator = max(total, expected_size or 0)
    ratio = alive / denominator if denominator else 1.0
    if ratio < settings.critical_below:
        status = HealthStatus.CRITICAL
    elif ratio < settings.degraded_below:
        status = HealthStatus.DEGRADED
    else:
        status = HealthStatus.HEALTHY
    return Verdict(status, total, alive, suspect, counts[NodeState.DEAD] + left, left, ratio)


class ClusterHealth:
    """Watches the members: tells changes as they happen and looks at the whole every ``health.interval``.

    Args:
        membership: The view.
        settings: Interval and thresholds.
        expected_size: How many nodes there should be, if known.
        checks: The plugins' checks of what the node depends on, looked at every interval.
        own_checks: The host's own, looked at likewise.
        clock: Times ages and the interval.
        logger: Told of every change.

    Attributes:
        history: What it has seen over the last minutes.
        late: Seconds by which its looks came late, together: the event loop was blocked for so long.
    """

    def __init__(
        self,
        membership: Membership,
        settings: HealthSettings,
        *,
        expected_size: int | None,
        checks: Sequence[HealthCheck] = (),
        own_checks: Sequence[HealthCheck] = (),
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._membership = membership
        self._settings = settings
        self._expected_size = expected_size
        self._checks = tuple(
            (check, PluginCall(check.name, clock, logger)) for check in (*checks, *own_checks)
        )
        self._own_checks = frozenset(check.name for check in own_checks)
        self._clock = clock
        self._log = HealthLog(settings.interval, expected_size, clock, logger)
        self._results: dict[str, CheckResult] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.history = History(clock)
        self.late = 0.0

    def start(self) -> None:
        """Start the two loops: events and interval. Call once, on the event loop."""
        self._tasks = [
            asyncio.create_task(self._follow_events(self._membership.events()), name="engram-health-events"),
            asyncio.create_task(self._look_for_ever(), name="engram-health"),
        ]

    async def aclose(self) -> None:
        """Stop the loops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @property
    def plugin_calls(self) -> tuple[PluginCall, ...]:
        """What the checks are called through, by their names."""
        return tuple(plugin_call for _, plugin_call in self._checks)

    def verdict(self) -> Verdict:
        """Count the current view. Never waits; callable from any thread."""
        return judge(self._membership.members(), self._settings, self._expected_size)

    def report(self) -> HealthReport:
        """Describe the current view in full. Never waits; callable from any thread."""
        members = self._membership.members()
        now = self._clock.monotonic()
        return HealthReport(
            verdict=judge(members, self._settings, self._expected_size),
            expected_size=self._expected_size,
            nodes=tuple(_node(member, now) for member in members),
            checks=dict(self._results),
            own_checks=self._own_checks,
        )

    async def look(self) -> Verdict:
        """Run the checks, judge the view and log: every interval, and whenever a caller wants it now."""
        await self._run_checks()
        verdict = self.verdict()
        self._judged(verdict, look=True)
        return verdict

    async def _look_for_ever(self) -> None:
        while True:
            await self.look()
            due = self._clock.monotonic() + self._settings.interval
            await self._clock.sleep(self._settings.interval)
            self.late += max(0.0, self._clock.monotonic() - due)

    async def _follow_events(self, events: AsyncIterator[MembershipEvent]) -> None:
        async for event in events:
            self.history.happened(event)
            self._log.happened(event)
            self._judged(self.verdict(), look=False)

    async def _run_checks(self) -> None:
        results = await asyncio.gather(
            *(self._run(check, plugin_call) for check, plugin_call in self._checks)
        )
        names = (check.name for check, _ in self._checks)
        self._results = dict(zip(names, results, strict=True))

    async def _run(self, check: HealthCheck, plugin_call: PluginCall) -> CheckResult:
        """Look once, fenced: a check may raise anything, answer anything, or resist its end."""
        try:
            result: object = await plugin_call.call(check.check, timeout=_CHECK_TIMEOUT)
        except PluginCallError as error:
            return CheckResult(CheckStatus.CRITICAL, str(error))
        if isinstance(result, CheckResult):
            return result
        return CheckResult(
            CheckStatus.CRITICAL, f"answered with {type(result).__name__} instead of CheckResult"
        )

    def _judged(self, verdict: Verdict, *, look: bool) -> None:
        self.history.judged(verdict)
        if self._log.judged(verdict, look=look):
            self.history.transitions[verdict.status] += 1


def _node(member: Member, now: float) -> NodeHealth:
    return NodeHealth(
        member.node_id,
        format_address(member.addr),
        member.state,
        0 if member.is_self else int(now - member.updated_at),
        member.spaces,
        member.spaces_omitted,
    )
