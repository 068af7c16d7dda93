"""One provider, kept fresh: asked again and again, or watched, for as long as the node runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.protocols import WatchingDiscoverer
from engram_discovery.runtime.backoff import Backoff
from engram_discovery.runtime.failure_log import FailureLog
from engram_discovery.runtime.plugin_call import PluginCall
from engram_discovery.runtime.supervisor import supervise
from engram_discovery.sources.durations import Durations
from engram_discovery.sources.last_known_good import LastKnownGood
from engram_discovery.sources.schedule import Schedule
from engram_discovery.sources.status import Outcome, SourceStatus
from engram_discovery.sources.streams import close_stream, next_answer
from engram_discovery.sources.validation import validate_answer
from engram_discovery.types import Found

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable

    from engram_discovery.protocols import Discoverer
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import Empty, Endpoint

__all__ = ["Source"]

_CLOSING_TIME = 2.0
_PAUSE_BETWEEN_CHANGES = 0.05
_PROVEN_AFTER = 10.0


class Source:
    """Asks one discoverer, remembers its last good answer, and tells its listener after every round.

    A discoverer that offers ``watch`` is watched; a full read every ``full_read_interval`` repairs what a
    watch missed, and polling takes over while the watch is broken. Nothing that a discoverer does gets out of
    here.

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
        plugin_call: What the discoverer is called through.
    """

    def __init__(
        self,
        name: str,
        discoverer: Discoverer,
        *,
        clock: Clock,
        logger: Logger,
        random: random.Random,
        timeout: float = 5.0,
        refresh_interval: float = 30.0,
        full_read_interval: float = 300.0,
        empty_confirmations: int = 2,
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
        self._known = LastKnownGood(name, empty_confirmations=empty_confirmations)
        self._polling = Schedule(random, refresh_interval=refresh_interval)
        self._rewatching = Backoff(random)
        self._failing = FailureLog(logger, clock, failed="discovery.failed", recovered="discovery.recovered")
        self._unwatched = FailureLog(
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

    # --- what it knows -----------------------------------------------------------------------------------

    @property
    def is_fresh(self) -> bool:
        """Whether the last round was answered with endpoints: no other source need be asked."""
        return self._known.outcome is Outcome.FOUND

    @property
    def never_answered(self) -> bool:
        """Whether it never answered in this run: memory of an earlier run must speak for it."""
        return not self._known.ever_answered

    def snapshot(self) -> tuple[Endpoint, ...]:
        """Return the peers held, in the source's order; the last good ones if the source fails."""
        return self._known.endpoints

    def status(self) -> SourceStatus:
        """Return outcome, counts and ages as of now."""
        now = self._clock.monotonic()
        return replace(
            self._known.status(now),
            next_refresh_in=max(0.0, self._due - now) if self._task else None,
            watching=self._watching,
            quarantined=self._polling.quarantined,
            repairs=self._repairs,
            durations=self._durations,
        )

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every round from now on. It must be quick; there is one at most."""
        self._listener = listener

    # --- its life ----------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Ask once, now; join a round that is under way. Never raises for what the discoverer does."""
        rounds = self._rounds
        async with self._round:
            if rounds == self._rounds:
                await self._ask()
                self._rounds += 1

    def start(self) -> None:
        """Keep asking (or watching) in the background. Does nothing if it does so already or is closed."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._supervised(), name=f"source {self.name}")

    async def stop(self) -> None:
        """Rest until ``start``; what is known stays known."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def aclose(self) -> None:
        """Stop for good and close the discoverer, within some seconds whatever it does."""
        if self._closed:
            return
        self._closed = True
        await self.stop()
        try:
            await self.plugin_call.call(self._discoverer.aclose, timeout=_CLOSING_TIME)
        except DiscoveryError as error:
            self._logger.warning("discovery.close_failed", provider=self.name, error=str(error))

    async def _supervised(self) -> None:
        work = self._poll_for_ever if self._watchable is None else self._watch_for_ever
        await supervise(f"source {self.name}", work, clock=self._clock, logger=self._logger)

    # --- polling -----------------------------------------------------------------------------------------

    async def _poll_for_ever(self) -> None:
        while True:
            wait = self._due - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            else:
                await self.refresh()

    async def _ask(self) -> None:
        began = self._clock.monotonic()
        try:
            answer = await self.plugin_call.call(self._discoverer.discover, timeout=self._timeout)
            wait = self._apply(answer)
        except DiscoveryError as error:
            wait = self._fail(error)
        now = self._clock.monotonic()
        self._due = now + wait
        self._durations = self._durations.and_one(now - began)
        self._tell()

    def _apply(self, answer: object) -> float:
        """Take an answer in and return the seconds until the next is wanted."""
        checked = validate_answer(answer, source=self.name)
        self._known.answered(checked, self._clock.monotonic())
        self._failing.recovered(provider=self.name, count=len(self.snapshot()))
        if isinstance(checked.answer, Found):
            return self._polling.after_found(checked.answer.ttl)
        return self._polling.after_empty(checked.answer.ttl)

    def _fail(self, error: DiscoveryError) -> float:
        """Take a failure in and return the seconds until the next try."""
        self._known.failed(error, self._clock.monotonic())
        status = self._known.status(self._clock.monotonic())
        self._failing.failed(
            provider=self.name,
            kind=error.kind.value,
            error=str(error),
            keeping=status.count,
            age_seconds=None if status.age is None else round(status.age, 1),
        )
        return self._polling.after_failure(error)

    def _tell(self) -> None:
        if self._listener is not None:
            self._listener()

    # --- watching ----------------------------------------------------------------------------------------

    async def _watch_for_ever(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read_in_full_for_ever())
                group.create_task(self._rewatch_for_ever())
        finally:
            self._watching = False

    async def _read_in_full_for_ever(self) -> None:
        while True:
            await self._clock.sleep(self._until_full_read())
            before = frozenset(self.snapshot())
            watched = self._watching
            await self.refresh()
            if watched and self._watching and before != frozenset(self.snapshot()):
                self._repairs += 1
                self._logger.warning(
                    "discovery.watch_missed_changes", provider=self.name, repairs=self._repairs
                )

    def _until_full_read(self) -> float:
        """Return the wait to the next full read: soon after one that failed beside a working watch."""
        if self._watching and self._known.outcome is Outcome.FAILED:
            return max(0.0, self._due - self._clock.monotonic())
        return self._full_read_interval * self._random.uniform(0.9, 1.1)

    async def _rewatch_for_ever(self) -> None:
        while True:
            error = await self._watch_until_it_fails()
            wait = self._rewatching.next(error.retry_after)
            self._unwatched.failed(provider=self.name, kind=error.kind.value, error=str(error))
            await self.refresh()
            await self._clock.sleep(wait)

    async def _watch_until_it_fails(self) -> DiscoveryError:
        try:
            stream = await self.plugin_call.call(self._open, timeout=self._timeout)
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
            raise DiscoveryError("it does not watch", kind=FailureKind.PLUGIN_BUG)
        return self._watchable.watch()

    async def _follow(self, stream: AsyncIterator[Found | Empty]) -> None:
        """Apply what the watch yields until it ends; the first answer has a deadline, changes have none."""
        first = await self.plugin_call.call(partial(next_answer, stream), timeout=self._timeout)
        began = self._clock.monotonic()
        answer = first
        while answer is not None:
            self._apply(answer)
            self._watching = True
            self._due = self._clock.monotonic() + self._full_read_interval
            self._tell()
            # A provider that never stops yielding must not keep the loop from everybody else.
            await self._clock.sleep(_PAUSE_BETWEEN_CHANGES)
            answer = await self.plugin_call.call(partial(next_answer, stream), timeout=None)
            if self._clock.monotonic() - began >= _PROVEN_AFTER:
                self._rewatching.reset()
                self._unwatched.recovered(provider=self.name)

    async def _close(self, stream: AsyncIterator[Found | Empty]) -> None:
        try:
            await self.plugin_call.call(partial(close_stream, stream), timeout=_CLOSING_TIME)
        except DiscoveryError as error:
            self._logger.warning("discovery.close_failed", provider=self.name, error=str(error))
