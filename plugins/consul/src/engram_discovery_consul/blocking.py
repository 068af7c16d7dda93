"""The rules of blocking queries: the index to wait for, the deadline, and the rate limit.

Source: "Blocking Queries" in Consul's HTTP API manual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import FailureKind
from engram_discovery_consul.failures import ConsulError

if TYPE_CHECKING:
    from engram_discovery.provider import Clock

__all__ = ["RateLimiter", "deadline", "next_index", "parse_index"]

_GRACE = 10.0
MAX_INDEX = 2**64 - 1


def deadline(wait: float) -> float:
    """Return the seconds after which a query that waits ``wait`` seconds has failed.

    The agent adds up to a sixteenth so that not all clients come back at once.
    """
    return wait + wait / 16 + _GRACE


def parse_index(text: str) -> int:
    """Read the header ``X-Consul-Index``; an index below 1 counts as 1.

    Raises:
        ConsulError: It is not a number in Consul's range.
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(text) <= 20) or int(text) > MAX_INDEX:
        raise ConsulError(f"X-Consul-Index is not an index: {text[:30]!r}", FailureKind.BAD_DATA)
    return max(1, int(text))


def next_index(asked: int, answered: int) -> int:
    """Return the index of the next query: 0, which does not wait, if Consul's index went backwards."""
    return 0 if answered < asked else answered


class RateLimiter:
    """Passes two requests at once, then one a second.

    Args:
        clock: The source of time.
        interval: Seconds between two requests.
        burst: How many may come at once.
    """

    def __init__(self, clock: Clock, *, interval: float = 1.0, burst: int = 2) -> None:
        self._clock = clock
        self._interval = interval
        self._credit = (burst - 1) * interval
        self._next_at = clock.monotonic() - self._credit

    async def wait(self) -> None:
        """Wait until the next request may be sent."""
        now = self._clock.monotonic()
        self._next_at = max(self._next_at, now - self._credit)
        if self._next_at > now:
            await self._clock.sleep(self._next_at - now)
        self._next_at += self._interval
