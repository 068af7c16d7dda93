"""Call a plugin's code so that whatever it does, it is named for it and nobody else suffers."""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING, TypeVar, cast

from engram_discovery.errors import PluginError
from engram_discovery.runtime.daemon_threads import start_daemon_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from engram_discovery.host.entry import Candidate

__all__ = ["call_guarded", "one_line", "remedy"]

T = TypeVar("T")

_LONGEST_REASON = 300


def call_guarded(
    candidate: Candidate,
    doing: str,
    call: Callable[[], T],
    *,
    timeout: float,
    blame: Callable[[BaseException], Candidate] | None = None,
    error_type: type[PluginError] = PluginError,
) -> T:
    """Call a plugin's code on a daemon thread, and wait for it at most ``timeout`` seconds.

    A plugin that blocked once is not called again until that call has come back.

    Args:
        candidate: Whose code it is.
        doing: What is called, for messages: ``engram_providers``, ``import``.
        call: The code; it sees no running event loop.
        timeout: Seconds to wait.
        blame: Finds the culprit of an exception where several plugins share the call.
        error_type: What to raise.

    Raises:
        PluginError: It raised anything (``SystemExit`` and ``CancelledError`` included) or blocks.
        KeyboardInterrupt: The user's own; never held back.
    """
    future = _run(candidate, doing, call, timeout, error_type)
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KeyboardInterrupt):
        raise error
    culprit = blame(error) if blame else candidate
    what = f"raised in {doing}: {one_line(error)}{remedy(culprit, error)}"
    raise culprit.complaint(what, error_type) from error


def one_line(error: BaseException) -> str:
    """Describe an exception in one line of bounded length, even one that cannot describe itself."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  a plugin's own __str__ may raise anything
        text = "(its text cannot be read)"
    name = type(error).__name__
    return f"{name}: {text[:_LONGEST_REASON]}" if text else name


def _run(
    candidate: Candidate, doing: str, call: Callable[[], T], timeout: float, error_type: type[PluginError]
) -> Future[T]:
    if candidate.blocked is not None and not candidate.blocked.done():
        raise candidate.complaint(f"is still blocked by an earlier call; {doing} was not called", error_type)
    try:
        future = start_daemon_thread(call, name=f"engram-plugin {candidate.name}")
    except RuntimeError as error:
        raise candidate.complaint(f"was not called, {doing}: {error}", error_type) from error
    wait([future], timeout)
    if not future.done():
        candidate.blocked = cast("Future[object]", future)
        what = f"blocks in {doing}, for more than {timeout:g} s, where nothing may wait"
        raise candidate.complaint(what + remedy(candidate), error_type)
    return future


def remedy(candidate: Candidate, error: BaseException | None = None) -> str:
    """Say what to do about a plugin that misbehaved; begins with a semicolon, or is empty."""
    if isinstance(error, RuntimeError) and "event loop" in str(error):
        return "; hooks run outside the event loop: open connections in the first call of the object made"
    if not candidate.distribution:
        return ""
    if isinstance(error, ImportError):
        return f'; pip install --upgrade "{candidate.distribution}"'
    return f"; upgrade {candidate.distribution} or tell its authors"
