"""What health says in the log: changes at once, a lasting bad status ever more seldom, flapping damped."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from engram_discovery.network.address import format_address
from engram_discovery.runtime.failure_log import is_power_of_two
from engram_discovery.types import EventKind, HealthStatus

if TYPE_CHECKING:
    from engram_discovery.health.monitor import Verdict
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import MembershipEvent

__all__ = ["HealthLog"]

_MOST_CHANGES = 2
_EVERY_LOOKS = 2


class HealthLog:
    """Tells the changes of status and of members.

    A fall and its recovery are told when they happen. When a ratio flaps around a threshold, more changes follow; they
    are told once in two looks on the average, with how many there were, but a fall to critical always at once.

    Args:
        interval: Seconds between two looks.
        expected_size: How many nodes there should be, if known.
        clock: Times what it tells.
        logger: Told.
    """

    def __init__(self, interval: float, expected_size: int | None, clock: Clock, logger: Logger) -> None:
        self._expected_size = expected_size
        self._clock = clock
        self._logger = logger
        self._damped_for = _MOST_CHANGES * _EVERY_LOOKS * interval
        self._changes: deque[float] = deque(maxlen=_MOST_CHANGES)
        self._told = HealthStatus.HEALTHY
        self._told_since = clock.monotonic()
        self._seen = HealthStatus.HEALTHY
        self._seen_since = self._told_since
        self._flips = 0
        self._looks = 0

    def judged(self, verdict: Verdict, *, look: bool) -> bool:
        """Tell a change of status, and a bad one again at the 1st, 2nd, 4th, 8th … look.

        Args:
            verdict: What was seen.
            look: Whether it was seen by a regular look, not after an event.

        Returns:
            Whether a change was told.
        """
        now = self._clock.monotonic()
        if verdict.status is not self._seen:
            self._seen, self._seen_since = verdict.status, now
            self._flips += 1
        self._looks += look
        if verdict.status is not self._told:
            return self._change(verdict, now)
        if verdict.status is not HealthStatus.HEALTHY and look and is_power_of_two(self._looks):
            self._tell(verdict)
        return False

    def happened(self, event: MembershipEvent) -> None:
        """Tell what happened to a member."""
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
        damped = len(self._changes) == _MOST_CHANGES and now - self._changes[0] < self._damped_for
        if damped and verdict.status is not HealthStatus.CRITICAL:
            return False
        was_for = round(self._seen_since - self._told_since, 1)
        was, flips = self._told, self._flips - 1
        self._told, self._told_since = verdict.status, self._seen_since
        self._changes.append(now)
        self._flips = self._looks = 0
        self._tell(
            verdict, previous_status=str(was), duration_seconds=was_for, **({"flips": flips} if flips else {})
        )
        return True

    def _tell(self, verdict: Verdict, **change: object) -> None:
        log = {
            HealthStatus.HEALTHY: self._logger.info,
            HealthStatus.DEGRADED: self._logger.warning,
            HealthStatus.CRITICAL: self._logger.error,
        }
        log[verdict.status](
            f"health.{verdict.status}",
            status=str(verdict.status),
            alive=verdict.alive,
            suspect=verdict.suspect,
            dead=verdict.dead,
            total=verdict.total,
            expected=self._expected_size,
            **change,
        )
