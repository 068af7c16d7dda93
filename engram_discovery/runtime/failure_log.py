"""Log lines about something that keeps failing: enough to notice, never a flood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["FailureLog"]

_STEADY_INTERVAL = 300.0


class FailureLog:
    """Warn of the first failure, of the 2nd, 4th, 8th … within five minutes, then every five minutes.

    One line tells of the recovery, with how long it took.
    """

    def __init__(self, logger: Logger, clock: Clock, *, failed: str, recovered: str = "") -> None:
        self._logger = logger
        self._clock = clock
        self._failed_event = failed
        self._recovered_event = recovered
        self._failures = 0
        self._since = 0.0
        self._last_line = 0.0

    def failed(self, **facts: Any) -> None:
        """Count a failure, and warn of it if its turn has come."""
        now = self._clock.monotonic()
        if self._failures == 0:
            self._since = now
        self._failures += 1
        if self._is_due(now):
            self._last_line = now
            self._logger.warning(self._failed_event, attempts=self._failures, **facts)

    def recovered(self, **facts: Any) -> None:
        """Tell of the recovery, if there was a failure before."""
        if self._failures and self._recovered_event:
            seconds = round(self._clock.monotonic() - self._since, 3)
            self._logger.info(
                self._recovered_event, duration_seconds=seconds, attempts=self._failures, **facts
            )
        self._failures = 0

    def _is_due(self, now: float) -> bool:
        if now - self._since >= _STEADY_INTERVAL:
            return now - self._last_line >= _STEADY_INTERVAL
        return self._failures & (self._failures - 1) == 0
