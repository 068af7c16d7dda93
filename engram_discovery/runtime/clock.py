"""Time as the library sees it, passed in so that tests and simulations can run it at will."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """The three ways in which the library uses time. Ages and deadlines use ``monotonic``, never ``time``."""

    def monotonic(self) -> float:
        """Return seconds that only ever rise, from an arbitrary start. Callable from any thread."""

    def time(self) -> float:
        """Return seconds since the Unix epoch, for display only."""

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return ``time.monotonic()``."""
        return time.monotonic()

    def time(self) -> float:
        """Return ``time.time()``."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(seconds)
