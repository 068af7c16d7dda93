"""A clock that a test advances by hand."""

from __future__ import annotations

import asyncio
import heapq

__all__ = ["FakeClock"]


class FakeClock:
    """A ``Clock`` for tests: ``await clock.advance(30)`` lets 30 seconds pass at once.

    Args:
        start: First value of ``monotonic``.
        wall: First value of ``time``.
    """

    def __init__(self, start: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self._now = start
        self._wall_offset = wall - start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = 0

    def monotonic(self) -> float:
        """Return the fake seconds."""
        return self._now

    def time(self) -> float:
        """Return the fake time of day."""
        return self._now + self._wall_offset

    async def sleep(self, seconds: float) -> None:
        """Wait until ``advance`` has moved the clock far enough."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._sleepers, (self._now + seconds, self._order, woken))
        await woken

    @property
    def sleeping(self) -> int:
        """How many sleeps are under way."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move the clock, waking each sleeper at its time and letting it run until it waits again."""
        end = self._now + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
                await _settle()
        self._now = end
        await _settle()


async def _settle(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
