"""Calls into a plugin, fenced: whatever it raises, swallows or never finishes, the host goes on and names it.

A plugin may raise ``SystemExit`` (which would end the event loop), swallow its cancellation (which would hang
us) or never return. So every call runs in a task of its own, under a deadline, and nothing but a
``DiscoveryError`` comes out of it. The message of an unexpected exception is not shown, since it may hold a
secret: its type and the place where it was raised are.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.runtime.failure_log import FailureLog
from engram_discovery.runtime.stepwise import BlockingDetector
from engram_discovery.runtime.task_leaks import context_of, tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["PluginCall", "describe_exception"]

T = TypeVar("T")

_GRACE = 1.0
_LONG_STEP = 0.25
_LONGEST_MESSAGE = 500
_MANY_CALLS = 64


@dataclass(frozen=True, slots=True)
class _Returned(Generic[T]):
    value: T


class PluginCall:
    """Runs the coroutines of one plugin object.

    Attributes:
        name: What is called, for messages.
        leaked_tasks: The coroutines of the tasks that calls began and nobody ended; known after ``end_leaked_tasks``.
    """

    def __init__(self, name: str, clock: Clock, logger: Logger) -> None:
        self.name = name
        self.leaked_tasks: tuple[str, ...] = ()
        self._clock = clock
        self._logger = logger
        self._abandoned: set[asyncio.Task[object]] = set()
        self._blocking = FailureLog(logger, clock, failed="plugin.blocking_call")
        self._calls = 0

    @property
    def abandoned(self) -> int:
        """How many calls still run although they were cancelled twice."""
        return len(self._abandoned)

    def is_abandoned(self, task: asyncio.Task[object]) -> bool:
        """Tell whether a task is such a call, which was named when it was given up on."""
        return task in self._abandoned

    async def call(self, function: Callable[[], Awaitable[T]], *, timeout: float | None) -> T:
        """Run ``function`` to its end, at most ``timeout`` seconds (two more if it resists cancellation).

        Raises:
            DiscoveryError: It failed in whatever way, or an earlier call that was given up on still runs.
        """
        if self._abandoned:
            raise DiscoveryError(
                "an earlier call was cancelled twice and still runs; not called again before it ends",
                kind=FailureKind.TIMEOUT,
            )
        self._calls += 1
        if self._calls >= _MANY_CALLS and self._calls & (self._calls - 1) == 0:
            self._count_tasks()
        call = _contained(self._timed(function))
        task = asyncio.create_task(call, name=f"call to {self.name}", context=context_of(self))
        try:
            await asyncio.wait({task}, timeout=timeout)
        finally:
            finished = task.done()
            if not finished:
                await self._cancel(task)
        if not finished:
            raise DiscoveryError(f"no answer within {timeout:g} s", kind=FailureKind.TIMEOUT)
        result = task.result()
        if isinstance(result, DiscoveryError):
            raise result
        return result.value

    def _timed(self, function: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        def timed() -> Awaitable[T]:
            awaited = function()
            if not isinstance(awaited, Awaitable):
                raise DiscoveryError("not a coroutine function", kind=FailureKind.PLUGIN_BUG)
            return BlockingDetector(awaited, self._clock, self._notice)

        return timed

    def _notice(self, seconds: float) -> None:
        if seconds >= _LONG_STEP:
            self._blocking.failed(provider=self.name, duration_seconds=round(seconds, 3))

    def _count_tasks(self) -> None:
        """Tell of a plugin whose every other call leaves a task; told at the 64th call, the 128th and so on."""
        tasks = len(tasks_of(frozenset({self})))
        if 2 * tasks >= self._calls:
            self._logger.warning(
                "plugin.task_leak_suspected", provider=self.name, tasks=tasks, calls=self._calls
            )

    async def _cancel(self, task: asyncio.Task[_Returned[T] | DiscoveryError]) -> None:
        self._abandoned.add(task)
        task.add_done_callback(self._abandoned.discard)
        for _ in range(2):
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE)
            if task.done():
                self._abandoned.discard(task)
                return
        self._logger.error("plugin.ignores_cancellation", provider=self.name, duration_seconds=2 * _GRACE)


def describe_exception(error: BaseException) -> str:
    """Say what was raised and where, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"raised {type(error).__name__}{where}"


async def _contained(function: Callable[[], Awaitable[T]]) -> _Returned[T] | DiscoveryError:
    try:
        return _Returned(await function())
    except DiscoveryError as error:
        return _bounded(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  SystemExit and CancelledError end here too
        return DiscoveryError(describe_exception(error), kind=FailureKind.PLUGIN_BUG)


def _bounded(error: DiscoveryError) -> DiscoveryError:
    text = "".join(
        character if character.isprintable() else "?" for character in str(error)[:_LONGEST_MESSAGE]
    )
    return DiscoveryError(
        text or "no reason given", kind=error.kind, retryable=error.retryable, retry_after=error.retry_after
    )


def _short(filename: str) -> str:
    return "/".join(filename.replace("\\", "/").split("/")[-2:])
