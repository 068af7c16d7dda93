"""How long something keeps the event loop from everybody else."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@dataclass
class Lag:
    """The longest turn of the loop, in seconds of this thread's CPU: other processes do not count."""

    longest: float = 0.0


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the seconds of this thread's CPU that some work takes here: what a lag can be compared with."""
    before = time.thread_time()
    work()
    return time.thread_time() - before


@asynccontextmanager
async def loop_lag() -> AsyncIterator[Lag]:
    """Watch the loop's turns while the block runs."""
    lag = Lag()

    async def sample() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            lag.longest = max(lag.longest, time.thread_time() - before)

    sampling = asyncio.create_task(sample())
    try:
        await asyncio.sleep(0)
        yield lag
        await asyncio.sleep(0.002)
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
