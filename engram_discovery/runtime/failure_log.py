"""Log repeated failures with exponential spacing: enough lines to notice, never a flood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engram_discovery.defaults import FAILURE_LOG_INTERVAL

if TYPE_CHECKING:
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["FailureLog", "is_power_of_two"]


def is_power_of_two(count: int) -> bool:
    """Return whether the n-th repetition is logged: the 1st, 2nd, 4th, 8th …."""
    return count > 0 and count & (count - 1) == 0


class FailureLog:
    """Logs a warning for the 1st, 2nd, 4th, 8th … failure within five minutes, then one every five minutes.

    One line reports the recovery, with the duration of the outage.

    Args:
        logger: Receives the events.
        clock: The source of time.
        failed: Event of a failure.
        recovered: Event of the recovery; not logged if empty.
    """

    def __init__(self, logger: Logger, clock: Clock, *, failed: str, recovered: str = "") -> None:
        self._logger = logger
        self._clock = clock
        self._failed_event = failed
        self._recovered_event = recovered
        self._failures = 0
        self._since = 0.0
        self._last_line = 0.0

    @property
    def failures(self) -> int:
        """Number of failures since the last recovery."""
        return self._failures

    def failed(self, **facts: Any) -> None:
        """Count a failure; log it if a line is due."""
        now = self._clock.monotonic()
        if self._failures == 0:
            self._since = now
        self._failures += 1
        if self._is_due(now):
            self._last_line = now
            self._logger.warning(self._failed_event, attempts=self._failures, **facts)

    def recovered(self, **facts: Any) -> None:
        """Log the recovery if there was a failure before."""
        if self._failures and self._recovered_event:
            seconds = round(self._clock.monotonic() - self._since, 3)
            self._logger.info(
                self._recovered_event, duration_seconds=seconds, attempts=self._failures, **facts
            )
        self._failures = 0

    def _is_due(self, now: float) -> bool:
        if now - self._since >= FAILURE_LOG_INTERVAL:
            return now - self._last_line >= FAILURE_LOG_INTERVAL
        return is_power_of_two(self._failures)
