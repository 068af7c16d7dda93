"""Combine all sources of a node, in order or together, with the peer cache as the last fallback (ADR 32).

``first`` calls the sources in order and continues while a source is empty or fails; ``union`` calls all at once.
In both, a failing source keeps its last known good endpoints: an error adds the next source, it never removes peers.
"""

from __future__ import annotations

import asyncio
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from engram_discovery.defaults import CACHE_SAVE_INTERVAL, CHAIN_TIMEOUT
from engram_discovery.runtime.supervisor import supervise
from engram_discovery.sources.peer_cache import CACHE_SOURCE
from engram_discovery.sources.snapshot import Changes, Snapshot, difference

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


class Discovery:
    """The known endpoints of all sources. Reads never block and never fail.

    Args:
        sources: In order of preference, with distinct names; closed by this object.
        also: Sources that are always used, whatever the mode: the addresses given on the command line.
        mode: How ``sources`` combine.
        cache: The peer cache, or None for a node without a data directory.
        clock: The source of time.
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
        self._wakeup = asyncio.Event()
        self._unsaved = asyncio.Event()
        self._changes: weakref.WeakSet[Changes] = weakref.WeakSet()
        self._first_round: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        for source in self._sources:
            source.listen(self._refresh_snapshot)

    def snapshot(self) -> Snapshot:
        """Return the current snapshot. Never blocks."""
        return self._snapshot

    def status(self) -> tuple[SourceStatus, ...]:
        """Return the state of each source, in order."""
        return tuple(source.status() for source in self._sources)

    def changes(self) -> AsyncIterator[Change]:
        """Subscribe to added and removed endpoints from now on: at most one change a second.

        Changes that come faster, or while the consumer is busy, are merged into one. Ends at ``aclose``.
        """
        changes = Changes(self._snapshot, self.snapshot, self._clock)
        if self._closed:
            changes.end()
        self._changes.add(changes)
        return changes

    async def discover(self) -> Snapshot:
        """Return the snapshot after every source in use was called once; later calls do not block.

        Blocks for at most the deadline of the slowest of these sources. Never raises for a failure of a source;
        cancelling the call does not cancel the round.
        """
        if not self._closed:
            await asyncio.wait({self._first_round_task()})
        return self._snapshot

    def remember(self, members: Iterable[Endpoint]) -> None:
        """Store these addresses in the peer cache as well: the live members."""
        members = tuple(members)
        if set(members) != set(self._members):
            self._members = members
            self._unsaved.set()

    def start(self) -> None:
        """Keep the sources fresh in the background."""
        if not self._tasks and not self._closed:
            self._tasks = [
                self._in_background("discovery sources", self._run_needed_sources),
                self._in_background("discovery cache", self._save_regularly),
            ]

    def _in_background(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(supervise(name, work, clock=self._clock, logger=self._logger), name=name)

    async def forget(self) -> None:
        """Remove the peer cache and write no more, after a graceful leave (ADR 7)."""
        if self._cache is not None:
            await self._cache.forget()

    async def aclose(self) -> None:
        """Stop, save the peer cache and close every source; bounded."""
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

    def _first_round_task(self) -> asyncio.Task[None]:
        if self._first_round is None:
            self._first_round = self._in_background("discovery first round", self._call_needed_sources)
        return self._first_round

    async def _call_needed_sources(self) -> None:
        if self._cache is not None:
            self._cached = await self._cache.load()
            self._refresh_snapshot()
        async with asyncio.TaskGroup() as group:
            for source in self._also:
                group.create_task(source.refresh())
            for source in self._chain:
                called = group.create_task(source.refresh())
                if self._mode == "first":
                    await asyncio.wait({called}, timeout=CHAIN_TIMEOUT)
                    if any(earlier.is_fresh for earlier in self._chain):
                        break

    async def _run_needed_sources(self) -> None:
        await asyncio.wait({self._first_round_task()})
        while True:
            self._wakeup.clear()
            needed = self._needed()
            for source in self._sources:
                if source in needed:
                    source.start()
                else:
                    await source.stop()
            await self._wakeup.wait()

    async def _save_regularly(self) -> None:
        while True:
            await self._unsaved.wait()
            await self._save()
            await self._clock.sleep(CACHE_SAVE_INTERVAL)

    async def _save(self) -> None:
        self._unsaved.clear()
        listed = (endpoint for endpoint in self._snapshot.endpoints if endpoint.source != CACHE_SOURCE)
        peers = tuple(dict.fromkeys((*self._members, *listed)))
        if peers and peers != self._saved and self._cache is not None and await self._cache.save(peers):
            self._saved = peers

    def _needed(self) -> tuple[Source, ...]:
        """Return the sources in use: all, or those up to the first that works and those always used."""
        if self._mode == "first":
            for position, source in enumerate(self._chain):
                if source.is_fresh:
                    return (*self._chain[: position + 1], *self._also)
        return self._sources

    def _refresh_snapshot(self) -> None:
        """Compose the snapshot again, after a round of any source."""
        before, after = self._snapshot, self._compose()
        self._snapshot = after
        self._wakeup.set()
        if after.version != before.version:
            self._unsaved.set()
            for changes in self._changes:
                changes.wake()

    def _compose(self) -> Snapshot:
        needed = self._needed()
        listed = dict.fromkeys(endpoint for source in needed for endpoint in source.snapshot())
        sources_suffice = listed and not any(source.never_answered for source in needed)
        cached = () if sources_suffice else self._cached
        statuses = [source.status() for source in needed]
        draft = Snapshot(
            version=self._snapshot.version,
            endpoints=tuple(dict.fromkeys((*listed, *cached))),
            stale=bool(cached) or any(status.stale_for is not None for status in statuses),
            complete=all(status.complete and status.age is not None for status in statuses),
            why=MappingProxyType(self._reasons(statuses, cached)),
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

    def _reasons(self, statuses: Iterable[SourceStatus], cached: Sequence[Endpoint]) -> dict[str, str]:
        reasons = {status.name: status.sentence() for status in statuses}
        if cached:
            reasons[CACHE_SOURCE] = f"{CACHE_SOURCE} holds {len(cached)} from an earlier run"
        return reasons
