"""The event loop in virtual time: timers in order, no real waiting, and errors instead of hangs."""

from __future__ import annotations

import asyncio

import pytest

from engram_discovery.testing import LoopClock, in_virtual_time, run_in_virtual_time


def test_an_hour_passes_at_once_and_in_order() -> None:
    """Timers fire by their time, whatever the order of their start."""
    order: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    async def main() -> float:
        clock = LoopClock()
        started = clock.monotonic()
        await asyncio.gather(wait("last", 3600), wait("first", 1), wait("second", 60))
        return clock.monotonic() - started

    assert run_in_virtual_time(main()) == pytest.approx(3600)
    assert order == ["first", "second", "last"]


def test_a_deadlock_is_an_error() -> None:
    """A wait that nothing ends raises instead of hanging."""
    with pytest.raises(RuntimeError, match="every task waits"):
        run_in_virtual_time(asyncio.Event().wait())


def test_a_task_left_behind_is_named() -> None:
    """So that a component that does not close fails its test."""

    async def main() -> None:
        main.task = asyncio.create_task(asyncio.sleep(60), name="leaked-one")  # type: ignore[attr-defined]

    with pytest.raises(AssertionError, match="leaked-one"):
        run_in_virtual_time(main())


@in_virtual_time
async def test_a_call_in_a_thread_ends_at_once() -> None:
    """Its result and its error arrive as from a thread, and no time passes."""
    started = LoopClock().monotonic()

    assert await asyncio.to_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 // 0)

    assert LoopClock().monotonic() == started
