"""Run a discoverer on a thread of its own, for plugins that may block the event loop.

A plugin that blocks (a synchronous client, an endless computation) then blocks only itself: gossip, health
and the other sources continue. Only for discoverers that share nothing with a registrar, because a client that
was opened on one event loop cannot be used on another.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.protocols import WatchingDiscoverer
from engram_discovery.runtime.daemon_threads import start_daemon_thread
from engram_discovery.runtime.task_leaks import end_leaked_tasks
from engram_discovery.sources.source import close_stream, next_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from engram_discovery.protocols import Discoverer
    from engram_discovery.runtime.plugin_call import PluginCall
    from engram_discovery.types import Empty, Found

__all__ = ["on_separate_thread"]

T = TypeVar("T")


def on_separate_thread(discoverer: Discoverer, plugin: PluginCall) -> Discoverer:
    """Return a discoverer that runs the given one on an event loop and daemon thread of its own.

    While a call that timed out still blocks the thread, new calls fail at once: it costs one thread, however long it
    lasts. Nothing waits for the thread, not even the exit of the interpreter.

    Args:
        discoverer: Closed by the returned one.
        plugin: Runs its coroutines there, and owns the tasks that they start.
    """
    if isinstance(discoverer, WatchingDiscoverer):
        return _ThreadedWatchingDiscoverer(discoverer, plugin)
    return _ThreadedDiscoverer(discoverer, plugin)


class _ThreadedDiscoverer:
    def __init__(self, discoverer: Discoverer, plugin: PluginCall) -> None:
        self._discoverer = discoverer
        self._plugin = plugin
        self._loop: asyncio.AbstractEventLoop | None = None
        self._blocked = False

    async def discover(self) -> Found | Empty:
        """Call the discoverer on its thread."""
        return await self._guarded(self._discoverer.discover)

    async def aclose(self) -> None:
        """Close the discoverer and end its thread; a blocked thread ends when it can."""
        loop = self._started()
        try:
            await self._on_thread(self._close())
        finally:
            loop.call_soon_threadsafe(loop.stop)

    async def _guarded(self, function: Callable[[], Awaitable[T]], *, even_if_blocked: bool = False) -> T:
        if self._blocked and not even_if_blocked:
            raise DiscoveryError("the thread is still blocked by a previous call", kind=FailureKind.TIMEOUT)
        return await self._on_thread(self._plugin.call(function, timeout=None))

    async def _close(self) -> None:
        try:
            await self._plugin.call(self._discoverer.aclose, timeout=None)
        finally:
            await end_leaked_tasks([self._plugin.owner])

    async def _on_thread(self, work: Coroutine[Any, Any, T]) -> T:
        loop = self._started()
        call = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            self._blocked = True
            loop.call_soon_threadsafe(self._unblock)
            raise

    def _unblock(self) -> None:
        """Accept calls again; runs on the thread as soon as it is free."""
        self._blocked = False

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            start_daemon_thread(partial(_run, self._loop), name=f"engram-source {self._plugin.name}")
        return self._loop


class _ThreadedWatchingDiscoverer(_ThreadedDiscoverer):
    def __init__(self, discoverer: WatchingDiscoverer, plugin: PluginCall) -> None:
        super().__init__(discoverer, plugin)
        self._watchable = discoverer

    async def watch(self) -> AsyncIterator[Found | Empty]:
        """Yield the answers of the discoverer's watch, which runs on the thread."""
        stream = await self._guarded(self._open)
        try:
            while (answer := await self._guarded(partial(next_answer, stream))) is not None:
                yield answer
        finally:
            await self._guarded(partial(close_stream, stream), even_if_blocked=True)

    async def _open(self) -> AsyncIterator[Found | Empty]:
        return self._watchable.watch()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
