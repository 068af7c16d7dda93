"""Run a function that may hang on a thread that nothing ever has to wait for.

An executor joins its threads when the interpreter exits, so a hanging ``getaddrinfo`` would hold that up.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DaemonThreads", "start_daemon_thread"]

T = TypeVar("T")
P = ParamSpec("P")


def start_daemon_thread(function: Callable[[], T], *, name: str) -> Future[T]:
    """Start ``function`` on a daemon thread of its own, in a copy of the caller's context; return at once.

    Returns:
        A future that holds the result or whatever was raised, ``SystemExit`` included.

    Raises:
        RuntimeError: The system has no thread left.
    """
    future: Future[T] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = context.run(function)
        except BaseException as error:  # noqa: BLE001  the future passes it to its reader
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=work, name=name, daemon=True).start()
    return future


class DaemonThreads(Executor):
    """An executor for ``loop.run_in_executor`` whose threads end with their work: nothing to shut down or wait for.

    Args:
        name: Name of the threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a call on a thread of its own."""
        return start_daemon_thread(functools.partial(fn, *args, **kwargs), name=self._name)
