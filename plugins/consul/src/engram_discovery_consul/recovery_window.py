"""The time after an outage of Consul in which its list may be incomplete, until all nodes have registered again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engram_discovery.provider import Clock

__all__ = ["RecoveryWindow"]

#: Seconds: nodes verify their records every 30 s plus up to a fifth, then retry.
_RECOVERY_INTERVAL = 60.0


class RecoveryWindow:
    """Starts at every sign that Consul may have lost records; ends after a minute.

    Args:
        clock: The source of time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic()

    def begin(self) -> None:
        """Treat the lists of the next minute as incomplete."""
        self._until = self._clock.monotonic() + _RECOVERY_INTERVAL

    @property
    def left(self) -> float:
        """Seconds until lists count as complete again; 0 if they do."""
        return max(0.0, self._until - self._clock.monotonic())
