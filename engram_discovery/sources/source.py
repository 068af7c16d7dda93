"""Keep the endpoints of one provider fresh, by polling or watching, for as long as the node runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from engram_discovery.defaults import (
    CALL_TIMEOUT,
    EMPTY_CONFIRMATIONS,
    FULL_READ_INTERVAL,
    REFRESH_INTERVAL,
    SOURCE_CLOSE_TIMEOUT,
    WATCH_INTERVAL,
    WATCH_STABLE_AFTER,
)
from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.protocols import WatchingDiscoverer
from engram_discovery.runtime.backoff import Backoff
from engram_discovery.runtime.failure_log import FailureLog
from engram_discovery.runtime.plugin_call import PluginCall, PluginCallError
from engram_discovery.runtime.supervisor import supervise
from engram_discovery.sources.last_known_good import LastKnownGood
from engram_discovery.sources.schedule import Schedule
from engram_discovery.sources.status import Durations, Outcome, SourceStatus
from engram_discovery.sources.validation import validate_answer
from engram_discovery.types import Found

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable

    from engram_discovery.protocols import Discoverer
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import Empty, Endpoint

__all__ = ["Source", "close_stream", "next_answer"]

_T = TypeVar("_T")


class Source:
    """Calls one discoverer, keeps its last good answer, and notifies its listener after every round.

    A discoverer that offers ``watch`` is watched; a full read every ``full_read_interval`` repairs what a
    watch missed, and polling takes over while the watch is broken. No failure of a discoverer leaves this class.

    Args:
        name: Provider name, for logs and status.
        discoverer: Owned from now on; closed by ``aclose``.
        clock: For every wait and age.
        logger: For the events ``discovery.*``.
        random: For jitter.
        timeout: Seconds for one round.
        refresh_interval: Longest time between two rounds of a working source that is polled.
        full_read_interval: Time between two full reads of a source that is watched.
        empty_confirmations: Empty answers in a row after which known peers are dropped.

    Attributes:
        plugin_call: Runs the discoverer's coroutines.
    """

    def __init__(
        self,
        name: str,
        discoverer: Discoverer,
        *,
        clock: Clock,
        logger: Logger,
        random: random.Random,
        timeout: float = CALL_TIMEOUT,
        refresh_interval: float = REFRESH_INTERVAL,
        full_read_interval: float = FULL_READ_INTERVAL,
        empty_confirmations: int = EMPTY_CONFIRMATIONS,
    ) -> None:
        self.name = name
        self.plugin_call = PluginCall(name, clock, logger)
        self._discoverer = discoverer
        self._watchable = discoverer if isinstance(discoverer, WatchingDiscoverer) else None
        self._clock = clock
        self._logger = logger
        self._random = random
        self._timeout = timeout
        self._full_read_interval = full_read_interval
        self._last_known = LastKnownGood(name, empty_confirmations=empty_confirmations)
        self._polling = Schedule(random, refresh_interval=refresh_interval)
        self._watch_backoff = Backoff(random)
        self._failures = FailureLog(logger, clock, failed="discovery.failed", recovered="discovery.recovered")
        self._watch_failures = FailureLog(
            logger, clock, failed="discovery.watch_failed", recovered="discovery.watch_recovered"
        )
        self._listener: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._round = asyncio.Lock()
        self._rounds = 0
        self._due = clock.monotonic()
        self._watching = False
        self._repairs = 0
        self._durations = Durations()
        self._closed = False

    @property
    def is_fresh(self) -> bool:
        """True if the last round found endpoints: no other source needs to be called."""
        return self._last_known.outcome is Outcome.FOUND

    @property
    def never_answered(self) -> bool:
        """True until the source has answered once in this process; cached peers are used meanwhile."""
        return not self._last_known.ever_answered

    def snapshot(self) -> tuple[Endpoint, ...]:
        """Return the endpoints, in the source's order; the last good ones while the source fails."""
        return self._last_known.endpoints

    def status(self) -> SourceStatus:
        """Return outcome, counts and ages as of now."""
        now = self._clock.monotonic()
        return replace(
            self._last_known.status(now),
            next_refresh_in=max(0.0, self._due - now) if self._task else None,
            watching=self._watching,
            circuit_open=self._polling.circuit_open,
            repairs=self._repairs,
            durations=self._durations,
        )

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every round from now on; it must not block. A source has at most one listener."""
        self._listener = listener

    async def refresh(self) -> None:
        """Run one round now, or join one that is under way. Never raises for a failure of the discoverer."""
        rounds = self._rounds
        async with self._round:
            if rounds == self._rounds:
                await self._ask()
                self._rounds += 1

    def start(self) -> None:
        """Poll or watch in the background. Does nothing if already started or closed."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._supervised(), name=f"source {self.name}")

    async def stop(self) -> None:
        """Pause until ``start``; the endpoints are kept."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def aclose(self) -> None:
        """Stop and close the discoverer; bounded by a few seconds."""
        if self._closed:
            return
        self._closed = True
        await self.stop()
        try:
            await self._call(self._discoverer.aclose, timeout=SOURCE_CLOSE_TIMEOUT)
        except DiscoveryError as error:
            self._logger.warning("discovery.close_failed", provider=self.name, error=str(error))

    async def _call(self, function: Callable[[], Awaitable[_T]], *, timeout: float | None) -> _T:
        """Run a guarded call of the discoverer.

        Raises:
            DiscoveryError: It failed, in whatever way.
        """
        try:
            return await self.plugin_call.call(function, timeout=timeout)
        except PluginCallError as error:
            raise DiscoveryError.of(error) from None

    async def _supervised(self) -> None:
        work = self._poll if self._watchable is None else self._keep_watching
        await supervise(f"source {self.name}", work, clock=self._clock, logger=self._logger)

    async def _poll(self) -> None:
        while True:
            wait = self._due - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            else:
                await self.refresh()

    async def _ask(self) -> None:
        started = self._clock.monotonic()
        try:
            answer = await self._call(self._discoverer.discover, timeout=self._timeout)
            wait = self._apply(answer)
        except DiscoveryError as error:
            wait = self._fail(error)
        now = self._clock.monotonic()
        self._due = now + wait
        self._durations = self._durations.with_one(now - started)
        self._notify()

    def _apply(self, answer: object) -> float:
        """Apply an answer and return the seconds until the next round."""
        checked = validate_answer(answer, source=self.name)
        self._last_known.record_answer(checked, self._clock.monotonic())
        self._failures.recovered(provider=self.name, count=len(self.snapshot()))
        if isinstance(checked.answer, Found):
            return self._polling.after_found(checked.answer.ttl)
        return self._polling.after_empty(checked.answer.ttl)

    def _fail(self, error: DiscoveryError) -> float:
        """Apply a failure and return the seconds until the next try."""
        self._last_known.record_failure(error, self._clock.monotonic())
        status = self._last_known.status(self._clock.monotonic())
        self._failures.failed(
            provider=self.name,
            kind=error.kind.value,
            error=str(error),
            kept=status.count,
            age_seconds=None if status.age is None else round(status.age, 1),
        )
        return self._polling.after_failure(error)

    def _notify(self) -> None:
        if self._listener is not None:
            self._listener()

    async def _keep_watching(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read_in_full_regularly())
                group.create_task(self._reopen_watch())
        finally:
            self._watching = False

    async def _read_in_full_regularly(self) -> None:
        while True:
            await self._clock.sleep(self._until_full_read())
            before = frozenset(self.snapshot())
            watched = self._watching
            await self.refresh()
            if watched and self._watching and before != frozenset(self.snapshot()):
                self._repairs += 1
                self._logger.warning("discovery.changes_missed", provider=self.name, repairs=self._repairs)

    def _until_full_read(self) -> float:
        """Return the wait to the next full read; short after one that failed while the watch works."""
        if self._watching and self._last_known.outcome is Outcome.FAILED:
            return max(0.0, self._due - self._clock.monotonic())
        return self._full_read_interval * self._random.uniform(0.9, 1.1)

    async def _reopen_watch(self) -> None:
        while True:
            error = await self._watch_until_failure()
            wait = self._watch_backoff.next(error.retry_after)
            self._watch_failures.failed(provider=self.name, kind=error.kind.value, error=str(error))
            await self.refresh()
            await self._clock.sleep(wait)

    async def _watch_until_failure(self) -> DiscoveryError:
        try:
            stream = await self._call(self._open, timeout=self._timeout)
        except DiscoveryError as error:
            return error
        try:
            await self._follow(stream)
        except DiscoveryError as error:
            return error
        finally:
            self._watching = False
            await self._close(stream)
        return DiscoveryError("the watch ended", kind=FailureKind.UNAVAILABLE)

    async def _open(self) -> AsyncIterator[Found | Empty]:
        if self._watchable is None:
            raise DiscoveryError("the discoverer does not watch", kind=FailureKind.PLUGIN_BUG)
        return self._watchable.watch()

    async def _follow(self, stream: AsyncIterator[Found | Empty]) -> None:
        """Apply the answers of the watch until it ends; the first has a deadline, later ones have none."""
        first = await self._call(partial(next_answer, stream), timeout=self._timeout)
        started = self._clock.monotonic()
        answer = first
        while answer is not None:
            self._apply(answer)
            self._watching = True
            self._due = self._clock.monotonic() + self._full_read_interval
            self._notify()
            # a provider that yields without pause must not starve the event loop
            await self._clock.sleep(WATCH_INTERVAL)
            answer = await self._call(partial(next_answer, stream), timeout=None)
            if self._clock.monotonic() - started >= WATCH_STABLE_AFTER:
                self._watch_backoff.reset()
                self._watch_failures.recovered(provider=self.name)

    async def _close(self, stream: AsyncIterator[Found | Empty]) -> None:
        try:
            await self._call(partial(close_stream, stream), timeout=SOURCE_CLOSE_TIMEOUT)
        except DiscoveryError as error:
            self._logger.warning("discovery.close_failed", provider=self.name, error=str(error))


async def next_answer(stream: AsyncIterator[Found | Empty]) -> Found | Empty | None:
    """Return the next answer of a watch, or None at its end."""
    try:
        return await anext(stream)
    except StopAsyncIteration:
        return None


async def close_stream(stream: AsyncIterator[Found | Empty]) -> None:
    """Close a watch, if it is of a kind that can be closed (an asynchronous generator)."""
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
