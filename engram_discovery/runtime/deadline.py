"""Wait for tasks with a timeout that the clock in use measures, so that tests can run it in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.runtime.clock import Clock

__all__ = ["wait_any"]


async def wait_any(tasks: Iterable[asyncio.Future[Any]], *, timeout: float, clock: Clock) -> None:
    """Wait until one of the tasks is done or ``timeout`` seconds have passed; cancels none of them.

    With a timeout of 0 or less it yields to the event loop once.
    """
    timer = asyncio.ensure_future(clock.sleep(max(timeout, 0.0)))
    try:
        await asyncio.wait({*tasks, timer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
