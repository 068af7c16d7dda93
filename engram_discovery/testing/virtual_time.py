"""Virtual time: an event loop whose time jumps to the next timer, so that hours pass in milliseconds.

Every run is the same: timers fire in order, no thread runs, and nothing waits for the machine. The model is trio's
``MockClock`` with ``autojump_threshold``. Sockets and subprocesses do not work here, because real time does not pass.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

__all__ = ["LoopClock", "VirtualTimeLoop", "in_virtual_time", "run_in_virtual_time"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_START = 1_000.0
_EPOCH = 1_800_000_000.0


class _JumpingSelector(selectors.DefaultSelector):
    """Turns waiting for a timer into a jump."""

    def __init__(self) -> None:
        super().__init__()
        self.now = _START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: every task waits, and no timer is set")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The standard event loop in virtual time; ``asyncio.sleep``, timeouts and ``call_later`` follow it.

    Calls in an executor run at once, on the loop: a thread would end at another virtual time in every run.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Call ``func`` at once."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  raised by the await
            future.set_exception(error)
        return future


class LoopClock:
    """A ``Clock`` on the time of the running event loop. Wall-clock time starts in January 2027."""

    def monotonic(self) -> float:
        """Return the time of the running loop, in seconds."""
        return asyncio.get_running_loop().time()

    def time(self) -> float:
        """Return seconds since the epoch."""
        return _EPOCH + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new ``VirtualTimeLoop``. Blocks until it ends.

    Raises:
        AssertionError: It left tasks behind; the message names them.
        RuntimeError: Every task waits, and no timer is set.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        result = runner.run(main)
        leaked = asyncio.all_tasks(runner.get_loop())
        if leaked:
            raise AssertionError(f"tasks left behind: {sorted(task.get_name() for task in leaked)}")
    return result


def in_virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Decorate an async test: it becomes a plain one that runs in virtual time."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        run_in_virtual_time(main())

    return run
