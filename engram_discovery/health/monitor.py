"""Monitor the health of the cluster: evaluate the view at every event and at a regular interval."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.defaults import CALL_TIMEOUT
from engram_discovery.health.history import HealthHistory
from engram_discovery.health.log import HealthLog
from engram_discovery.health.summary import HealthReport, Verdict, evaluate, node_health
from engram_discovery.runtime.plugin_call import PluginCall, PluginCallError
from engram_discovery.types import CheckResult, CheckStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from engram_discovery.protocols import HealthCheck, Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.settings.models import HealthSettings
    from engram_discovery.types import MembershipEvent

__all__ = ["ClusterHealth"]


class ClusterHealth:
    """Monitors the members: logs changes at once and evaluates the whole view every ``health.interval``.

    Args:
        membership: The engine, whose view is evaluated.
        settings: Interval and thresholds.
        expected_size: The setting ``cluster.expected_size``.
        checks: The plugins' health checks, run every interval.
        own_checks: The host's own checks of its sources, run likewise.
        clock: The source of time.
        logger: For the events ``health.*`` and ``member.*``.

    Attributes:
        history: Verdicts and member events of the last minutes.
        loop_lag: Sum of the seconds by which evaluations were late: the event-loop lag.
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
        self.history = HealthHistory(clock)
        self.loop_lag = 0.0

    def start(self) -> None:
        """Start the two tasks: events and interval. Call once, on the event loop."""
        self._tasks = [
            asyncio.create_task(self._follow_events(self._membership.events()), name="engram-health-events"),
            asyncio.create_task(self._check_regularly(), name="engram-health"),
        ]

    async def aclose(self) -> None:
        """Stop both tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @property
    def plugin_calls(self) -> tuple[PluginCall, ...]:
        """The guarded calls of the checks."""
        return tuple(plugin_call for _, plugin_call in self._checks)

    def verdict(self) -> Verdict:
        """Evaluate the current view. Never blocks; callable from any thread."""
        return evaluate(self._membership.members(), self._settings, self._expected_size)

    def report(self) -> HealthReport:
        """Describe the current view in full. Never blocks; callable from any thread."""
        members = self._membership.members()
        now = self._clock.monotonic()
        return HealthReport(
            verdict=evaluate(members, self._settings, self._expected_size),
            nodes=tuple(node_health(member, now) for member in members),
            checks=dict(self._results),
            own_checks=self._own_checks,
        )

    async def check(self) -> Verdict:
        """Run the checks, evaluate the view and log: every interval, and at the request of a caller."""
        await self._run_checks()
        verdict = self.verdict()
        self._record(verdict, regular=True)
        return verdict

    async def _check_regularly(self) -> None:
        while True:
            await self.check()
            due = self._clock.monotonic() + self._settings.interval
            await self._clock.sleep(self._settings.interval)
            self.loop_lag += max(0.0, self._clock.monotonic() - due)

    async def _follow_events(self, events: AsyncIterator[MembershipEvent]) -> None:
        async for event in events:
            self.history.record_event(event)
            self._log.record_event(event)
            self._record(self.verdict(), regular=False)

    async def _run_checks(self) -> None:
        results = await asyncio.gather(
            *(self._run(check, plugin_call) for check, plugin_call in self._checks)
        )
        names = (check.name for check, _ in self._checks)
        self._results = dict(zip(names, results, strict=True))

    async def _run(self, check: HealthCheck, plugin_call: PluginCall) -> CheckResult:
        """Run one check as a guarded call: it may raise or return anything, or ignore cancellation."""
        try:
            result: object = await plugin_call.call(check.check, timeout=CALL_TIMEOUT)
        except PluginCallError as error:
            return CheckResult(CheckStatus.CRITICAL, str(error))
        if isinstance(result, CheckResult):
            return result
        return CheckResult(CheckStatus.CRITICAL, f"returned {type(result).__name__} instead of CheckResult")

    def _record(self, verdict: Verdict, *, regular: bool) -> None:
        self.history.record_verdict(verdict)
        if self._log.record_verdict(verdict, regular=regular):
            self.history.transitions[verdict.status] += 1
