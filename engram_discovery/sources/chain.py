"""All sources of a node as one: in order, or together, with the disk as the last resort.

``first`` asks the sources in order and goes on while a source is empty or fails; ``union`` asks all at once.
In both, a failing source keeps what it knew: an error adds the next source, it never takes peers away.
"""

from __future__ import annotations

import asyncio
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from engram_discovery.runtime.supervisor import supervise
from engram_discovery.sources.changes import Changes
from engram_discovery.sources.peer_cache import CACHE_SOURCE
from engram_discovery.sources.snapshot import Snapshot, difference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.sources.peer_cache import PeerCache
    from engram_discovery.sources.snapshot import Change
    from engram_discovery.sources.source import Source
    from engram_discovery.sources.status import SourceStatus
    from engram_discovery.types import Endpoint

__all__ = ["Discovery"]

#: In mode ``first``, seconds that a source is waited for before the next one is asked as well.
HEAD_START = 1.0

_BETWEEN_SAVES = 5.0


class Discovery:
    """Answers "where are our peers?" from all sources, at any time, without waiting and without ever failing.

    Args:
        sources: In order of preference; owned from now on. Their names differ.
        also: Sources that are always asked besides, whatever the mode: what somebody named on the command line.
        mode: How ``sources`` combine.
        cache: Memory of earlier runs, or None for a node without a data directory.
        clock: For the pace of changes.
        logger: For the events ``discovery.*``.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        also: Sequence[Source] = (),
        mode: Literal["first", "union"] = "first",
        cache: PeerCache | None,
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._chain = tuple(sources)
        self._also = tuple(also)
        self._sources = (*self._chain, *self._also)
        self._mode = mode
        self._cache = cache
        self._clock = clock
        self._logger = logger
        self._cached: tuple[Endpoint, ...] = ()
        self._members: tuple[Endpoint, ...] = ()
        self._saved: tuple[Endpoint, ...] = ()
        self._snapshot = Snapshot()
        self._stirred = asyncio.Event()
        self._worth_saving = asyncio.Event()
        self._changes: weakref.WeakSet[Changes] = weakref.WeakSet()
        self._first_round: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        for source in self._sources:
            source.listen(self._look_again)

    # --- what is known -----------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return what is known now. Never waits."""
        return self._snapshot

    def status(self) -> tuple[SourceStatus, ...]:
        """Return the state of each source, in order."""
        return tuple(source.status() for source in self._sources)

    def changes(self) -> AsyncIterator[Change]:
        """Subscribe, from this call on, to added and removed endpoints: at most one change a second.

        Changes that come faster, or while the consumer is busy, arrive as one. Ends when the discovery
        closes.
        """
        changes = Changes(self._snapshot, self.snapshot, self._clock)
        if self._closed:
            changes.end()
        self._changes.add(changes)
        return changes

    async def discover(self) -> Snapshot:
        """Return what is known after every source that is needed was asked once; later calls do not wait.

        Waits as long as the slowest of these sources may take. Never raises for a source's failure;
        cancelling the call does not cancel the round.
        """
        if not self._closed:
            await asyncio.wait({self._begin()})
        return self._snapshot

    def remember(self, members: Iterable[Endpoint]) -> None:
        """Keep these addresses on disk as well: the live members, which may outlast every registry."""
        members = tuple(members)
        if set(members) != set(self._members):
            self._members = members
            self._worth_saving.set()

    # --- its life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Keep the sources fresh in the background."""
        if not self._tasks and not self._closed:
            self._tasks = [
                self._in_background("discovery sources", self._run_needed_sources),
                self._in_background("discovery cache", self._save_for_ever),
            ]

    def _in_background(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(supervise(name, work, clock=self._clock, logger=self._logger), name=name)

    async def forget(self) -> None:
        """Remove the memory on disk and write no more, after a graceful leave."""
        if self._cache is not None:
            await self._cache.forget()

    async def aclose(self) -> None:
        """Stop, save what is known, and close every source; bounded, whatever the sources do."""
        self._closed = True
        tasks = [*self._tasks, *([self._first_round] if self._first_round else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._save()
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(source.aclose())
        for changes in tuple(self._changes):
            changes.end()

    # --- the first round ---------------------------------------------------------------------------------

    def _begin(self) -> asyncio.Task[None]:
        if self._first_round is None:
            self._first_round = self._in_background("discovery first round", self._ask_needed_sources)
        return self._first_round

    async def _ask_needed_sources(self) -> None:
        if self._cache is not None:
            self._cached = await self._cache.load()
            self._look_again()
        async with asyncio.TaskGroup() as group:
            for source in self._also:
                group.create_task(source.refresh())
            for source in self._chain:
                asked = group.create_task(source.refresh())
                if self._mode == "first":
                    await asyncio.wait({asked}, timeout=HEAD_START)
                    if any(earlier.is_fresh for earlier in self._chain):
                        break

    # --- upkeep ------------------------------------------------------------------------------------------

    async def _run_needed_sources(self) -> None:
        await asyncio.wait({self._begin()})
        while True:
            self._stirred.clear()
            needed = self._needed()
            for source in self._sources:
                if source in needed:
                    source.start()
                else:
                    await source.stop()
            await self._stirred.wait()

    async def _save_for_ever(self) -> None:
        while True:
            await self._worth_saving.wait()
            await self._save()
            await self._clock.sleep(_BETWEEN_SAVES)

    async def _save(self) -> None:
        self._worth_saving.clear()
        told = (endpoint for endpoint in self._snapshot.endpoints if endpoint.source != CACHE_SOURCE)
        peers = tuple(dict.fromkeys((*self._members, *told)))
        if peers and peers != self._saved and self._cache is not None and await self._cache.save(peers):
            self._saved = peers

    # --- putting it together -----------------------------------------------------------------------------

    def _needed(self) -> tuple[Source, ...]:
        """Return the sources to ask: all, or those up to and with the first that works, and those always asked."""
        if self._mode == "first":
            for position, source in enumerate(self._chain):
                if source.is_fresh:
                    return (*self._chain[: position + 1], *self._also)
        return self._sources

    def _look_again(self) -> None:
        """Put the snapshot together anew, after any source's round."""
        before, after = self._snapshot, self._compose()
        self._snapshot = after
        self._stirred.set()
        if after.version != before.version:
            self._worth_saving.set()
            for changes in self._changes:
                changes.wake()

    def _compose(self) -> Snapshot:
        needed = self._needed()
        told = dict.fromkeys(endpoint for source in needed for endpoint in source.snapshot())
        speaks_for_itself = told and not any(source.never_answered for source in needed)
        remembered = () if speaks_for_itself else self._cached
        statuses = [source.status() for source in needed]
        draft = Snapshot(
            version=self._snapshot.version,
            endpoints=tuple(dict.fromkeys((*told, *remembered))),
            stale=bool(remembered) or any(status.stale_for is not None for status in statuses),
            complete=all(status.complete and status.age is not None for status in statuses),
            why=MappingProxyType(self._reasons(statuses, remembered)),
        )
        if difference(self._snapshot, draft) is None:
            return draft
        return Snapshot(
            version=draft.version + 1,
            endpoints=draft.endpoints,
            stale=draft.stale,
            complete=draft.complete,
            why=draft.why,
        )

    def _reasons(self, statuses: Iterable[SourceStatus], remembered: Sequence[Endpoint]) -> dict[str, str]:
        reasons = {status.name: status.sentence() for status in statuses}
        if remembered:
            reasons[CACHE_SOURCE] = f"{CACHE_SOURCE} remembers {len(remembered)} from an earlier run"
        return reasons
