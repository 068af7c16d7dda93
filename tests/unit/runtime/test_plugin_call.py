"""Plugins that block: named on the loop, harmless on a thread of their own."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.errors import FailureKind
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.runtime.plugin_call import PluginCall
from engram_discovery.runtime.task_leaks import end_leaked_tasks
from engram_discovery.sources import Outcome, Source, on_separate_thread
from engram_discovery.testing.virtual_time import LoopClock, in_virtual_time
from tests.support.scripted import Scripted, ScriptedWatch, failure, found, peers
from tests.support.timed_log import RecordingLogger

if TYPE_CHECKING:
    from collections.abc import Iterator


class HandClock(LoopClock):
    """Moves when told, in the middle of a step."""

    passed = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed


@in_virtual_time
async def test_a_plugin_that_blocks_the_loop_is_named() -> None:
    """The step that held everybody up is told with its source and length, by the rule of powers of two."""
    clock, logger = HandClock(), RecordingLogger()

    async def block() -> Any:
        await asyncio.sleep(1)
        clock.passed += 3
        await asyncio.sleep(1)
        return found(1)

    source = Source("dns", Scripted(block), clock=clock, logger=logger, random=random.Random(1))

    for _ in range(3):
        await source.refresh()

    assert logger.events("plugin.blocking_call") == [
        {"provider": "dns", "duration_seconds": 3.0, "attempts": 1},
        {"provider": "dns", "duration_seconds": 3.0, "attempts": 2},
    ]
    assert source.snapshot() == peers(1)
    await source.aclose()


@in_virtual_time
async def test_a_plugin_that_leaves_a_task_at_every_call_is_told_of_in_time() -> None:
    """A heap of tasks grows for as long as a node runs: it is told of at the 64th call, and at the 128th."""
    logger, left = RecordingLogger(), []

    async def leave_one() -> None:
        left.append(asyncio.create_task(asyncio.sleep(3600)))

    plugin_call = PluginCall("mine", LoopClock(), logger)

    for _ in range(130):
        await plugin_call.call(leave_one, timeout=50)

    assert logger.events("plugin.task_leak_suspected") == [
        {"provider": "mine", "tasks": 63, "calls": 64},
        {"provider": "mine", "tasks": 127, "calls": 128},
    ]
    await end_leaked_tasks([plugin_call.owner])
    assert len(plugin_call.leaked_tasks) == len(left) == 130


@in_virtual_time
async def test_a_plugin_that_keeps_a_few_tasks_is_not_blamed() -> None:
    """A connection's reader runs from call to call, and rightly so."""
    logger = RecordingLogger()
    readers: list[asyncio.Task[None]] = []

    async def read() -> None:
        if len(readers) < 3:
            readers.append(asyncio.create_task(asyncio.sleep(3600)))

    plugin_call = PluginCall("mine", LoopClock(), logger)

    for _ in range(130):
        await plugin_call.call(read, timeout=50)

    assert logger.events("plugin.task_leak_suspected") == []
    for reader in readers:
        reader.cancel()
    await end_leaked_tasks([plugin_call.owner])
    assert plugin_call.leaked_tasks == ()


@in_virtual_time
async def test_a_discover_that_is_no_coroutine_function_is_a_bug_with_a_reason() -> None:
    """The commonest mistake of a plugin's author is told in words."""

    class Synchronous(Scripted):
        def discover(self) -> Any:
            return found(1)

    source = Source(
        "mine", Synchronous(), clock=LoopClock(), logger=RecordingLogger(), random=random.Random(1)
    )

    await source.refresh()

    assert source.status().error == "not a coroutine function"
    assert source.status().error_kind is FailureKind.PLUGIN_BUG
    await source.aclose()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def threaded(discoverer: Scripted, logger: RecordingLogger, timeout: float) -> Source:
    clock = SystemClock()
    wrapped = on_separate_thread(discoverer, PluginCall("mine", clock, logger))
    return Source("mine", wrapped, clock=clock, logger=logger, random=random.Random(1), timeout=timeout)


async def test_a_blocked_thread_blocks_nobody_else(release: threading.Event) -> None:
    """A plugin that blocks is a time-out; the loop goes on; new calls are refused until it is free."""

    async def block() -> Any:
        release.wait()
        return found(1)

    discoverer = Scripted(block)
    source = threaded(discoverer, RecordingLogger(), timeout=1)
    await source.refresh()  # ends though the thread does not: the loop went on
    blocked = source.status()
    await source.refresh()
    refused, asked = source.status(), len(discoverer.asked_at)
    release.set()
    discoverer.steps = [found(1)]
    async with asyncio.timeout(50):
        while source.status().outcome is not Outcome.FOUND:
            await source.refresh()

    assert blocked.error_kind is FailureKind.TIMEOUT
    assert refused.error == "the thread is still blocked by a previous call"
    assert asked == 1
    await source.aclose()


async def test_on_its_thread_a_plugin_answers_fails_and_exits_as_ever() -> None:
    """Answers, failures and SystemExit come over from the thread as what they are, and closing ends it."""

    async def leave() -> Any:
        raise SystemExit(1)

    discoverer = Scripted(found(1), failure(FailureKind.REFUSED), leave)
    source = threaded(discoverer, RecordingLogger(), timeout=50)

    seen = []
    for _ in range(3):
        await source.refresh()
        seen.append((source.status().outcome, source.status().error_kind))
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "engram-source mine")
    await source.aclose()

    assert seen == [
        (Outcome.FOUND, None),
        (Outcome.FAILED, FailureKind.REFUSED),
        (Outcome.FAILED, FailureKind.PLUGIN_BUG),
    ]
    assert source.snapshot() == peers(1)
    assert discoverer.closed == 1
    await asyncio.to_thread(thread.join, 50)
    assert not thread.is_alive()


async def test_a_watch_on_its_own_thread_delivers() -> None:
    """Pushed answers cross over from the thread."""
    discoverer = ScriptedWatch(found(1))
    source = threaded(discoverer, RecordingLogger(), timeout=50)
    discoverer.pushed.put_nowait(found(1, 2))
    heard = asyncio.Event()
    source.listen(heard.set)

    source.start()
    async with asyncio.timeout(50):
        await heard.wait()

    assert source.snapshot() == peers(1, 2)
    assert source.status().watching
    await source.aclose()
