"""Waiting for tasks with a timeout of the clock in use."""

from __future__ import annotations

import asyncio

from engram_discovery.runtime.deadline import wait_any
from engram_discovery.testing import FakeClock


async def test_the_clock_ends_the_wait() -> None:
    """The timeout is the clock's; the task that is waited for goes on, and no timer is left."""
    clock = FakeClock()
    endless = asyncio.ensure_future(asyncio.Event().wait())
    waiting = asyncio.ensure_future(wait_any([endless], timeout=5, clock=clock))

    await clock.advance(4.9)
    early = waiting.done()
    await clock.advance(0.1)
    await asyncio.wait_for(waiting, 5)
    endless.cancel()

    assert not early
    assert asyncio.all_tasks() == {asyncio.current_task(), endless}


async def test_the_first_task_ends_the_wait() -> None:
    """The clock need not move, and no timer is left."""
    clock, event = FakeClock(), asyncio.Event()
    task = asyncio.ensure_future(event.wait())
    waiting = asyncio.ensure_future(wait_any([task], timeout=5, clock=clock))

    event.set()
    await asyncio.wait_for(waiting, 5)

    assert task.done()
    assert asyncio.all_tasks() == {asyncio.current_task()}
