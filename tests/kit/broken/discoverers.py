"""Discoverers that each break one promise, by the test of ``DiscovererContract`` that must catch it."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.testing.contracts import DiscovererContract
from engram_discovery.types import Empty, Found
from tests.kit.broken.memory import MemoryDiscoverer, plugin_of, suites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engram_discovery.network.address import Address


class NobodyIsAnError(MemoryDiscoverer):
    async def discover(self) -> Any:
        if isinstance(answer := await super().discover(), Empty):
            raise DiscoveryError("nobody", kind=FailureKind.NOT_FOUND)
        return answer


class EmptyWithoutReason(MemoryDiscoverer):
    async def discover(self) -> Any:
        answer = await super().discover()
        return Empty("") if isinstance(answer, Empty) else answer


class OnlyTheFirstPage(MemoryDiscoverer):
    async def discover(self) -> Any:
        return self.answer((await self.read())[:2])


class RemembersForEver(MemoryDiscoverer):
    async def discover(self) -> Any:
        self.seen = {**getattr(self, "seen", {}), **dict.fromkeys(await self.read())}
        return self.answer(list(self.seen))


class TimeThatIsNoTime(MemoryDiscoverer):
    async def discover(self) -> Any:
        answer = await super().discover()
        return replace(answer, ttl=float("nan"))


class FactsThatAreNoText(MemoryDiscoverer):
    async def discover(self) -> Any:
        answer = await super().discover()
        if isinstance(answer, Empty):
            return answer
        meta: Any = MappingProxyType({"rack": 7})
        return Found(tuple(replace(endpoint, meta=meta) for endpoint in answer.endpoints))


class OneCallAtATime(MemoryDiscoverer):
    busy = 0

    async def discover(self) -> Any:
        if self.busy:
            raise DiscoveryError("busy", kind=FailureKind.RATE_LIMITED)
        self.busy += 1
        try:
            return await super().discover()
        finally:
            self.busy -= 1


class OutageIsEmpty(MemoryDiscoverer):
    async def discover(self) -> Any:
        try:
            return await super().discover()
        except DiscoveryError as error:
            if error.kind is FailureKind.REFUSED:
                return Empty("connection refused")
            raise


class OutageInItsOwnWords(MemoryDiscoverer):
    async def discover(self) -> Any:
        try:
            return await super().discover()
        except DiscoveryError as error:
            if error.kind is FailureKind.REFUSED:
                raise ConnectionRefusedError("nobody listens") from error
            raise


class NeverRecovers(MemoryDiscoverer):
    broken = False

    async def discover(self) -> Any:
        if self.broken:
            raise DiscoveryError("broken", kind=FailureKind.REFUSED)
        try:
            return await super().discover()
        except DiscoveryError:
            self.broken = True
            raise


class GarbageIsEmpty(MemoryDiscoverer):
    async def discover(self) -> Any:
        try:
            return await super().discover()
        except DiscoveryError as error:
            if error.kind is FailureKind.BAD_DATA:
                return Empty("nothing to read")
            raise


class SilenceIsEmpty(MemoryDiscoverer):
    async def discover(self) -> Any:
        try:
            return await asyncio.wait_for(super().discover(), 0.5)
        except TimeoutError:
            return Empty("no answer")


class EndsLate(MemoryDiscoverer):
    async def discover(self) -> Any:
        try:
            return await super().discover()
        except asyncio.CancelledError:
            await asyncio.sleep(1.5)
            raise


class LeavesATaskWhenCancelled(MemoryDiscoverer):
    async def discover(self) -> Any:
        try:
            return await super().discover()
        except asyncio.CancelledError:
            self.leak()
            raise


class LeavesATask(MemoryDiscoverer):
    async def discover(self) -> Any:
        answer = await super().discover()
        if isinstance(answer, Empty):
            self.leak()
        return answer


class LeavesAFile(MemoryDiscoverer):
    async def discover(self) -> Any:
        answer = await super().discover()
        if isinstance(answer, Empty):
            self.file = os.open(os.devnull, os.O_RDONLY)
        return answer


class CannotBeClosedUnused(MemoryDiscoverer):
    session: Any = None

    async def read(self) -> list[Address]:
        self.session = []
        return await super().read()

    async def aclose(self) -> None:
        self.session.clear()


class CannotBeClosedAfterAFailure(MemoryDiscoverer):
    async def aclose(self) -> None:
        if not self.server.running and not self.server.records:
            raise ConnectionRefusedError("could not say good-bye")


class HoldsTheLoop(MemoryDiscoverer):
    async def discover(self) -> Any:
        answer = await super().discover()
        if isinstance(answer, Empty):
            time.sleep(0.3)  # noqa: ASYNC251  blocking on purpose
        return answer


class LogsItsSecret(MemoryDiscoverer):
    async def discover(self) -> Any:
        self.log.debug("asking", token=self.settings.token.get_secret_value())
        return await super().discover()


class SecretInItsError(MemoryDiscoverer):
    async def discover(self) -> Any:
        try:
            return await super().discover()
        except DiscoveryError as error:
            raise DiscoveryError(
                f"{self.settings.token.get_secret_value()} refused", kind=error.kind
            ) from error


class WatchBeginsWithTheFirst(MemoryDiscoverer):
    async def watch(self) -> AsyncIterator[Any]:
        yield self.answer((await self.read())[:1])
        async for answer in super().watch():
            yield answer


class WatchOfNobodyWaits(MemoryDiscoverer):
    async def watch(self) -> AsyncIterator[Any]:
        while not self.server.records:
            await self.server.stirred.wait()
        async for answer in super().watch():
            yield answer


class WatchTellsOnlyWhatIsNew(MemoryDiscoverer):
    async def watch(self) -> AsyncIterator[Any]:
        told: set[Address] = set()
        while True:
            stirred = self.server.stirred
            records = await self.read()
            new = [record for record in records if record not in told]
            told.update(new)
            yield self.answer(new)
            await stirred.wait()


class WatchForgetsRemovals(MemoryDiscoverer):
    async def watch(self) -> AsyncIterator[Any]:
        told = False
        async for answer in super().watch():
            if isinstance(answer, Found) or not told:
                yield answer
            told = True


class WatchedOutageIsEmpty(MemoryDiscoverer):
    async def watch(self) -> AsyncIterator[Any]:
        try:
            async for answer in super().watch():
                yield answer
        except DiscoveryError:
            yield Empty("gone")


class WatchesOnce(MemoryDiscoverer):
    watched = 0

    async def watch(self) -> AsyncIterator[Any]:
        self.watched += 1
        if self.watched == 2:
            await asyncio.Event().wait()
        async for answer in super().watch():
            yield answer


class WatchLocksOutOthers(MemoryDiscoverer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lock = asyncio.Lock()

    async def discover(self) -> Any:
        if not self.lock.locked():
            return await super().discover()
        async with self.lock:
            return await super().discover()

    async def watch(self) -> AsyncIterator[Any]:
        async with self.lock:
            async for answer in super().watch():
                yield answer


class WatchLeavesATask(MemoryDiscoverer):
    async def watch(self) -> AsyncIterator[Any]:
        self.leak()
        async for answer in super().watch():
            yield answer


FAULTS: dict[str, tuple[type[MemoryDiscoverer], str]] = {
    fault.__name__: (fault, test)
    for fault, test in (
        (NobodyIsAnError, "test_no_records_is_empty"),
        (EmptyWithoutReason, "test_no_records_is_empty"),
        (OnlyTheFirstPage, "test_every_record_is_found"),
        (RemembersForEver, "test_a_removed_record_is_gone"),
        (TimeThatIsNoTime, "test_answers_can_be_used_as_they_are"),
        (FactsThatAreNoText, "test_answers_can_be_used_as_they_are"),
        (OneCallAtATime, "test_rounds_may_overlap"),
        (OutageIsEmpty, "test_an_outage_is_an_error"),
        (OutageInItsOwnWords, "test_an_outage_is_an_error"),
        (NeverRecovers, "test_it_works_again_after_an_outage"),
        (GarbageIsEmpty, "test_garbage_is_bad_data"),
        (SilenceIsEmpty, "test_silence_is_no_answer"),
        (EndsLate, "test_a_cancelled_call_ends_at_once"),
        (LeavesATaskWhenCancelled, "test_a_cancelled_call_leaves_nothing"),
        (LeavesATask, "test_closing_leaves_nothing"),
        (LeavesAFile, "test_closing_leaves_nothing"),
        (CannotBeClosedUnused, "test_it_can_be_closed_unused"),
        (CannotBeClosedAfterAFailure, "test_it_can_be_closed_after_a_failure"),
        (HoldsTheLoop, "test_it_never_holds_the_event_loop"),
        (LogsItsSecret, "test_no_secret_is_shown"),
        (SecretInItsError, "test_no_secret_is_shown"),
        (WatchBeginsWithTheFirst, "test_a_watch_begins_with_the_whole_answer"),
        (WatchOfNobodyWaits, "test_a_watch_without_records_begins_with_empty"),
        (WatchTellsOnlyWhatIsNew, "test_a_watch_yields_additions"),
        (WatchForgetsRemovals, "test_a_watch_yields_removals"),
        (WatchedOutageIsEmpty, "test_a_watched_outage_is_no_answer"),
        (WatchesOnce, "test_a_watch_can_be_opened_anew"),
        (WatchLocksOutOthers, "test_a_full_read_goes_on_beside_a_watch"),
        (WatchLeavesATask, "test_a_closed_watch_leaves_nothing"),
    )
}


def _told(discoverer: type[MemoryDiscoverer]) -> dict[str, Any]:
    can = frozenset({"change", "stop", "pause", "corrupt", "watch"})
    return {"plugin": plugin_of(discoverer=discoverer), "capabilities": can, "timeout": 1.0}


globals().update(suites(DiscovererContract, _told, FAULTS, MemoryDiscoverer))
