"""See what a provider does to the process it runs in: what it leaves behind, and whether it holds the event loop."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["assert_leaves_nothing", "eventually", "longest_hold"]

_BEAT = 0.005
_DESCRIPTORS = Path("/dev/fd")


async def assert_leaves_nothing(live: Callable[[], Awaitable[None]]) -> None:
    """Fail if a life leaves a task or an open file behind, a second after its end.

    It is lived twice, and the first one does not count: a library may keep for the whole process what it opens once.
    """
    await live()
    tasks, files = asyncio.all_tasks(), _open_files()
    await live()
    left: list[str] = []

    async def nothing_is_left() -> bool:
        left[:] = [f"task {_name(task)}" for task in asyncio.all_tasks() - tasks]
        left.extend(f"descriptor {what}" for what in _open_files() - files)
        return not left

    if not await eventually(nothing_is_left, 1.0):
        raise AssertionError(f"left behind: {', '.join(left)}")


def _name(task: asyncio.Task[object]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())


def _open_files() -> set[str]:
    """Return the open descriptors by number and target; empty where the system has no list."""
    files = set()
    with suppress(OSError):
        for number in _DESCRIPTORS.iterdir():
            with suppress(OSError):  # the one that was open for listing is gone
                files.add(f"{number.name}: {number.readlink()}")
    return files


async def eventually(condition: Callable[[], Awaitable[bool]], within: float) -> bool:
    """Ask ``condition`` until it is true, at most ``within`` seconds; return its last answer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not await condition():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def longest_hold(call: Callable[[], Awaitable[object]], *, tries: int = 3) -> float:
    """Return the longest time, in seconds, for which ``call`` held the event loop; the best of some tries.

    The best of several, because other processes may delay the loop on a busy machine.
    """
    holds = []
    for _ in range(tries):
        holds.append(await _hold(call))
        if holds[-1] < 10 * _BEAT:
            break
    return min(holds)


async def _hold(call: Callable[[], Awaitable[object]]) -> float:
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_BEAT)
            longest = max(longest, time.perf_counter() - before - _BEAT)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    try:
        await call()
        await asyncio.sleep(2 * _BEAT)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
    return longest
