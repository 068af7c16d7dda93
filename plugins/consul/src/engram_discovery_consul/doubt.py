"""How long a list may be short, because Consul was away and not everybody has registered again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engram_discovery.runtime.clock import Clock

__all__ = ["RecoveryWindow"]

#: Nodes read their records back every 30 s and a fifth, and then have some tries.
_LASTS = 60.0


class RecoveryWindow:
    """Begins with every sign that Consul may have lost records, and ends by itself.

    Args:
        clock: Times it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic()

    def begin(self) -> None:
        """RecoveryWindow the lists of the next minute."""
        self._until = self._clock.monotonic() + _LASTS

    @property
    def left(self) -> float:
        """Seconds until lists are whole again; 0 if they are."""
        return max(0.0, self._until - self._clock.monotonic())
