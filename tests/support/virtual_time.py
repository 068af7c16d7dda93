"""An event loop whose time jumps to the next timer: hours pass in milliseconds, the same way every time."""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = 1_000.0


class _JumpingSelector(selectors.DefaultSelector):
    """Turns waiting for a timer into a jump."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits for ever")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The standard loop on jumping time, without threads; all of asyncio's timers follow it."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run it at once: a thread would end at another virtual time in every run."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  it belongs to whoever awaits the future
            future.set_exception(error)
        return future


class LoopClock:
    """A ``Clock`` on the time of the running loop."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def time(self) -> float:
        return 1_800_000_000.0 + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_in_virtual_time(main: Coroutine[Any, Any, Any]) -> Any:
    """Run ``main`` to its end on a loop of its own; fail if it leaves tasks behind."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        result = runner.run(main)
        left = asyncio.all_tasks(runner.get_loop())
        assert not left, f"left behind: {sorted(task.get_name() for task in left)}"
    return result


def in_virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a plain test of an async one."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        run_in_virtual_time(main())

    return run


class RecordingLogger:
    """Keeps what was logged, with the time of the running loop."""

    def __init__(self, facts: Mapping[str, Any] | None = None, lines: list[Any] | None = None) -> None:
        self._facts = dict(facts or {})
        self.lines: list[tuple[float, str, str, dict[str, Any]]] = [] if lines is None else lines

    def _log(self, level: str, event: str, facts: Mapping[str, Any]) -> None:
        now = asyncio.get_running_loop().time()
        self.lines.append((now, level, event, {**self._facts, **facts}))

    def debug(self, event: str, **facts: Any) -> None:
        self._log("debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._log("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._log("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._log("error", event, facts)

    def bind(self, **facts: Any) -> RecordingLogger:
        return RecordingLogger({**self._facts, **facts}, self.lines)

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the facts of each line of this event."""
        return [facts for _, _, name, facts in self.lines if name == event]
