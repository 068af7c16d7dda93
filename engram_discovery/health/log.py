"""Log health changes at once, repeat a lasting bad status with exponential spacing, damp flapping."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from engram_discovery.defaults import FLAPPING_CHANGES, FLAPPING_CHECKS
from engram_discovery.network.address import format_address
from engram_discovery.runtime.failure_log import is_power_of_two
from engram_discovery.types import EventKind, HealthStatus

if TYPE_CHECKING:
    from engram_discovery.health.summary import Verdict
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import MembershipEvent

__all__ = ["HealthLog"]


class HealthLog:
    """Logs changes of the status and of members.

    A first change and its recovery are logged at once. While the ratio flaps around a threshold, further changes are
    logged once in two checks on average, with their number; a change to critical is always logged at once.

    Args:
        interval: Seconds between two checks.
        expected_size: The setting ``cluster.expected_size``.
        clock: The source of time.
        logger: Receives the events.
    """

    def __init__(self, interval: float, expected_size: int | None, clock: Clock, logger: Logger) -> None:
        self._expected_size = expected_size
        self._clock = clock
        self._logger = logger
        self._damped_for = FLAPPING_CHANGES * FLAPPING_CHECKS * interval
        self._changes: deque[float] = deque(maxlen=FLAPPING_CHANGES)
        self._logged = HealthStatus.HEALTHY
        self._logged_since = clock.monotonic()
        self._current = HealthStatus.HEALTHY
        self._current_since = self._logged_since
        self._flips = 0
        self._checks = 0

    def record_verdict(self, verdict: Verdict, *, regular: bool) -> bool:
        """Log a change of status, and a bad status again at the 1st, 2nd, 4th, 8th … check.

        Args:
            verdict: The evaluation.
            regular: Whether it comes from the regular check, not from an event.

        Returns:
            Whether a change was logged.
        """
        now = self._clock.monotonic()
        if verdict.status is not self._current:
            self._current, self._current_since = verdict.status, now
            self._flips += 1
        self._checks += regular
        if verdict.status is not self._logged:
            return self._change(verdict, now)
        if verdict.status is not HealthStatus.HEALTHY and regular and is_power_of_two(self._checks):
            self._write(verdict)
        return False

    def record_event(self, event: MembershipEvent) -> None:
        """Log an event of a member."""
        member = event.member
        if member is None:
            self._logger.warning("member.events_lost", count=event.count)
            return
        bad = event.kind in {EventKind.SUSPECTED, EventKind.DIED, EventKind.CONFLICT}
        log = self._logger.warning if bad else self._logger.info
        log(
            f"member.{event.kind}",
            node_id=member.node_id,
            addr=format_address(member.addr),
            generation=member.generation,
        )

    def _change(self, verdict: Verdict, now: float) -> bool:
        damped = len(self._changes) == FLAPPING_CHANGES and now - self._changes[0] < self._damped_for
        if damped and verdict.status is not HealthStatus.CRITICAL:
            return False
        duration = round(self._current_since - self._logged_since, 1)
        previous, flips = self._logged, self._flips - 1
        self._logged, self._logged_since = verdict.status, self._current_since
        self._changes.append(now)
        self._flips = self._checks = 0
        self._write(
            verdict,
            previous_status=str(previous),
            duration_seconds=duration,
            **({"flips": flips} if flips else {}),
        )
        return True

    def _write(self, verdict: Verdict, **change: object) -> None:
        log = {
            HealthStatus.HEALTHY: self._logger.info,
            HealthStatus.DEGRADED: self._logger.warning,
            HealthStatus.CRITICAL: self._logger.error,
        }
        log[verdict.status](
            f"health.{verdict.status}",
            status=str(verdict.status),
            alive=verdict.counts.alive,
            suspect=verdict.counts.suspect,
            dead=verdict.counts.dead,
            left=verdict.counts.left,
            total=verdict.counts.total,
            expected=self._expected_size,
            **change,
        )
