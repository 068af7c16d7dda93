"""Find out who holds up the event loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from engram_discovery.runtime.clock import Clock

__all__ = ["BlockingDetector"]

T = TypeVar("T")


class BlockingDetector(Generic[T]):
    """Awaits something and measures each of its steps, from one wait to the next.

    A step that takes long blocked everybody on the loop, and this is the only place where it is known whose
    it was.

    Args:
        awaited: What to await.
        clock: What to measure by.
        on_step: Called with the seconds of each step.
    """

    def __init__(self, awaited: Awaitable[T], clock: Clock, on_step: Callable[[float], None]) -> None:
        self._awaited = awaited
        self._clock = clock
        self._on_step = on_step

    def __await__(self) -> Generator[Any, None, T]:
        inner = self._awaited.__await__()
        proceed: Callable[[], Any] = partial(next, inner)
        while True:
            began = self._clock.monotonic()
            try:
                waited_for = proceed()
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self._on_step(self._clock.monotonic() - began)
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001  passed on to whom it is meant for
                proceed = partial(inner.throw, error)
            else:
                proceed = partial(next, inner)
