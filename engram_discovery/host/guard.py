"""Run a plugin's synchronous code on a thread with a timeout; turn any failure into an error that names the plugin."""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING, TypeVar, cast

from engram_discovery.defaults import MAX_HOOK_MESSAGE_LENGTH
from engram_discovery.errors import PluginError
from engram_discovery.runtime.daemon_threads import start_daemon_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from engram_discovery.host.entry import PluginEntry

__all__ = ["call_guarded", "one_line", "remedy"]

T = TypeVar("T")


def call_guarded(
    entry: PluginEntry,
    doing: str,
    call: Callable[[], T],
    *,
    timeout: float,
    blame: Callable[[BaseException], PluginEntry] | None = None,
    error_type: type[PluginError] = PluginError,
) -> T:
    """Run a plugin's code on a daemon thread, and wait for it at most ``timeout`` seconds (ADR 21).

    A plugin that blocked once is not called again until that call has returned.

    Args:
        entry: The plugin.
        doing: What is called, for messages: ``engram_providers``, ``its import``.
        call: The code; it sees no running event loop.
        timeout: Seconds to wait.
        blame: Finds the plugin that raised, where several share the call.
        error_type: What to raise.

    Raises:
        PluginError: It raised anything (``SystemExit`` and ``CancelledError`` included) or blocks.
        KeyboardInterrupt: From the user; always passed on.
    """
    future = _run(entry, doing, call, timeout, error_type)
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KeyboardInterrupt):
        raise error
    culprit = blame(error) if blame else entry
    what = f"raised in {doing}: {one_line(error)}{remedy(culprit, error)}"
    raise culprit.error_for(what, error_type) from error


def one_line(error: BaseException) -> str:
    """Return an exception as one line of bounded length, even if its ``__str__`` raises."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  a plugin's own __str__ may raise anything
        text = "(its message cannot be read)"
    name = type(error).__name__
    return f"{name}: {text[:MAX_HOOK_MESSAGE_LENGTH]}" if text else name


def _run(
    entry: PluginEntry, doing: str, call: Callable[[], T], timeout: float, error_type: type[PluginError]
) -> Future[T]:
    if entry.blocked is not None and not entry.blocked.done():
        raise entry.error_for(f"is still blocked by a previous call; {doing} was skipped", error_type)
    try:
        future = start_daemon_thread(call, name=f"engram-plugin {entry.name}")
    except RuntimeError as error:
        raise entry.error_for(f"was not called, {doing}: {error}", error_type) from error
    wait([future], timeout)
    if not future.done():
        entry.blocked = cast("Future[object]", future)
        what = f"blocks in {doing} for more than {timeout:g} s; hooks must return at once"
        raise entry.error_for(what + remedy(entry), error_type)
    return future


def remedy(entry: PluginEntry, error: BaseException | None = None) -> str:
    """Return what to do about a faulty plugin; begins with a semicolon, or is empty."""
    if isinstance(error, RuntimeError) and "event loop" in str(error):
        return "; hooks run outside the event loop: open connections in the first call of the created object"
    if not entry.distribution:
        return ""
    if isinstance(error, ImportError):
        return f'; pip install --upgrade "{entry.distribution}"'
    return f"; upgrade {entry.distribution} or report it to its authors"
