"""One consumer's view of how the known endpoints change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.sources.snapshot import difference

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.sources.snapshot import Change, Snapshot

__all__ = ["Changes"]

_SHORTEST_INTERVAL = 1.0


class Changes:
    """An iterator over changes that compares what its consumer last saw with what is known now.

    So nothing is queued: a slow consumer costs no memory, and a flap that ended before it looked is no
    change.
    """

    def __init__(self, seen: Snapshot, latest: Callable[[], Snapshot], clock: Clock) -> None:
        self._seen = seen
        self._latest = latest
        self._clock = clock
        self._stirred = asyncio.Event()
        self._not_before = clock.monotonic()
        self._ended = False

    def wake(self) -> None:
        """Look again: there is a new version."""
        self._stirred.set()

    def end(self) -> None:
        """Let the consumer's loop come to its end."""
        self._ended = True
        self._stirred.set()

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        while True:
            change = difference(self._seen, self._latest())
            wait = self._not_before - self._clock.monotonic()
            if self._ended:
                raise StopAsyncIteration
            if change is None:
                await self._stirred.wait()
                self._stirred.clear()
            elif wait > 0:
                await self._clock.sleep(wait)
            else:
                self._seen = change.snapshot
                self._not_before = self._clock.monotonic() + _SHORTEST_INTERVAL
                return change

    async def aclose(self) -> None:
        """Unsubscribe."""
        self.end()
