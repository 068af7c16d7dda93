"""Run a plugin coroutine in its own task with a timeout; turn any failure into an error that names the plugin.

A plugin may raise ``SystemExit`` (which would end the event loop), suppress its cancellation (which would block the
host) or never return. Nothing but a ``PluginCallError`` leaves a guarded call. The message of an unexpected exception
may hold a secret and is dropped: its type and source line are kept (ADR 31).
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from engram_discovery._text import printable
from engram_discovery.defaults import (
    CANCEL_TIMEOUT,
    LEAK_CHECK_CALLS,
    MAX_PLUGIN_MESSAGE_LENGTH,
    SLOW_CALLBACK_DURATION,
)
from engram_discovery.errors import CallFailedError, FailureKind
from engram_discovery.runtime.failure_log import FailureLog, is_power_of_two
from engram_discovery.runtime.task_leaks import TaskOwner, tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["BlockingDetector", "PluginCall", "PluginCallError", "describe_exception"]

T = TypeVar("T")


class PluginCallError(CallFailedError):
    """A guarded call failed: the plugin raised, blocked or did not return in time.

    Each room that calls plugins translates it once, with ``DiscoveryError.of(error)`` and the like.
    """


@dataclass(frozen=True, slots=True)
class _Returned(Generic[T]):
    value: T


class PluginCall:
    """Runs the coroutines of one plugin object, one guarded call at a time or several at once.

    Attributes:
        name: Name of the plugin object, for messages.
        owner: Owns the tasks that the calls start.
    """

    def __init__(self, name: str, clock: Clock, logger: Logger) -> None:
        self.name = name
        self.owner = TaskOwner()
        self._clock = clock
        self._logger = logger
        self._blocking = FailureLog(logger, clock, failed="plugin.blocking_call")
        self._calls = 0

    @property
    def abandoned(self) -> int:
        """Number of calls that still run after two cancellations."""
        return len(self.owner.abandoned)

    @property
    def leaked_tasks(self) -> tuple[str, ...]:
        """Qualified names of the coroutines whose tasks were left running; known after ``end_leaked_tasks``."""
        return self.owner.leaked_tasks

    async def call(self, function: Callable[[], Awaitable[T]], *, timeout: float | None) -> T:
        """Run ``function`` to its end, at most ``timeout`` seconds (two more if it resists cancellation).

        Raises:
            PluginCallError: It failed in any way, or a previous call still runs after two cancellations. A plugin's
                own ``DiscoveryError`` or ``RegistrationError`` keeps its kind and retry advice.
        """
        if self.owner.abandoned:
            raise PluginCallError(
                "previous call is still running after two cancellations; skipped", kind=FailureKind.TIMEOUT
            )
        self._calls += 1
        if self._calls >= LEAK_CHECK_CALLS and is_power_of_two(self._calls):
            self._check_for_leak()
        guarded = _contain(self._timed(function))
        task = asyncio.create_task(guarded, name=f"call to {self.name}", context=self.owner.context())
        try:
            await asyncio.wait({task}, timeout=timeout)
        finally:
            finished = task.done()
            if not finished:
                await self._cancel(task)
        if not finished:
            raise PluginCallError(f"no answer within {timeout:g} s", kind=FailureKind.TIMEOUT)
        result = task.result()
        if isinstance(result, PluginCallError):
            raise result
        return result.value

    def _timed(self, function: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        def timed() -> Awaitable[T]:
            awaitable = function()
            if not isinstance(awaitable, Awaitable):
                raise PluginCallError("not a coroutine function", kind=FailureKind.PLUGIN_BUG)
            return BlockingDetector(awaitable, self._clock, self._check_step)

        return timed

    def _check_step(self, seconds: float) -> None:
        if seconds >= SLOW_CALLBACK_DURATION:
            self._blocking.failed(provider=self.name, duration_seconds=round(seconds, 3))

    def _check_for_leak(self) -> None:
        """Warn of a plugin where at least every other call has left a task; checked at call 64, 128, 256 …."""
        tasks = len(tasks_of(frozenset({self.owner})))
        if 2 * tasks >= self._calls:
            self._logger.warning(
                "plugin.task_leak_suspected", provider=self.name, tasks=tasks, calls=self._calls
            )

    async def _cancel(self, task: asyncio.Task[_Returned[T] | PluginCallError]) -> None:
        abandoned = self.owner.abandoned
        abandoned.add(task)
        task.add_done_callback(abandoned.discard)
        for _ in range(2):
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_TIMEOUT)
            if task.done():
                abandoned.discard(task)
                return
        self._logger.error(
            "plugin.cancellation_ignored", provider=self.name, duration_seconds=2 * CANCEL_TIMEOUT
        )


class BlockingDetector(Generic[T]):
    """Awaits something and measures each step between two suspensions.

    A slow callback blocks every task of the event loop, and only here is it known which plugin it belongs to.

    Args:
        awaitable: What to await.
        clock: The clock to measure with.
        on_step: Called with the duration of each step, in seconds.
    """

    def __init__(self, awaitable: Awaitable[T], clock: Clock, on_step: Callable[[float], None]) -> None:
        self._awaitable = awaitable
        self._clock = clock
        self._on_step = on_step

    def __await__(self) -> Generator[Any, None, T]:
        inner = self._awaitable.__await__()
        resume: Callable[[], Any] = partial(next, inner)
        while True:
            started = self._clock.monotonic()
            try:
                suspended_on = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self._on_step(self._clock.monotonic() - started)
            try:
                yield suspended_on
            except BaseException as error:  # noqa: BLE001  thrown into the awaitable that it belongs to
                resume = partial(inner.throw, error)
            else:
                resume = partial(next, inner)


def describe_exception(error: BaseException) -> str:
    """Return the type of an exception and the source line that raised it, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"raised {type(error).__name__}{where}"


async def _contain(function: Callable[[], Awaitable[T]]) -> _Returned[T] | PluginCallError:
    try:
        return _Returned(await function())
    except CallFailedError as error:
        return _bounded(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  SystemExit and CancelledError end here, too
        return PluginCallError(describe_exception(error), kind=FailureKind.PLUGIN_BUG)


def _bounded(error: CallFailedError) -> PluginCallError:
    text = printable(error, max_length=MAX_PLUGIN_MESSAGE_LENGTH) or "no reason given"
    return PluginCallError(text, kind=error.kind, retryable=error.retryable, retry_after=error.retry_after)


def _short(filename: str) -> str:
    return "/".join(filename.replace("\\", "/").split("/")[-2:])
