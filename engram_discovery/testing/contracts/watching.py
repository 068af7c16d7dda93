"""What a discoverer promises that offers ``watch``."""
# ruff: noqa: S101  a contract suite asserts

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.errors import DiscoveryError
from engram_discovery.network.address import Address
from engram_discovery.protocols import Discoverer, WatchingDiscoverer
from engram_discovery.testing.contracts.observing import assert_leaves_nothing
from engram_discovery.testing.contracts.provider import ProviderContract
from engram_discovery.types import Empty, Found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from engram_discovery.testing.contracts.backend import Backend

__all__ = ["WatchContract", "addresses"]

ONE, TWO = (Address(f"127.0.0.{number}", 7946) for number in (1, 2))


def addresses(answer: object) -> set[Address]:
    """Return where an answer points to."""
    return {endpoint.address for endpoint in answer.endpoints} if isinstance(answer, Found) else set()


class WatchContract(ProviderContract):
    """The promises of ``engram_discovery.protocols.WatchingDiscoverer``; part of ``DiscovererContract``."""

    pytestmark = pytest.mark.asyncio(loop_scope="function")

    async def test_a_watch_begins_with_the_whole_answer(
        self, discoverer: Discoverer, backend: Backend
    ) -> None:
        """The first answer comes at once and is complete, without waiting for a change."""
        self.needs("watch", "change")
        await backend.add(ONE)
        await backend.add(TWO)

        async with watching(discoverer) as stream:
            first = await asyncio.wait_for(anext(stream), self.within)

        assert addresses(first) == {ONE, TWO}

    async def test_a_watch_without_records_begins_with_empty(self, discoverer: Discoverer) -> None:
        """An empty source is reported at once, too."""
        self.needs("watch")

        async with watching(discoverer) as stream:
            first = await asyncio.wait_for(anext(stream), self.within)

        assert isinstance(first, Empty), f"expected Empty, got {first}"

    async def test_a_watch_yields_additions(self, discoverer: Discoverer, backend: Backend) -> None:
        """After a record was added the whole answer comes again, those known before included."""
        self.needs("watch", "change")
        await backend.add(ONE)

        async with watching(discoverer) as stream:
            await self._follow(stream, {ONE})
            await backend.add(TWO)
            await self._follow(stream, {ONE, TWO})

    async def test_a_watch_yields_removals(self, discoverer: Discoverer, backend: Backend) -> None:
        """After the last record was removed, Empty comes."""
        self.needs("watch", "change")
        await backend.add(ONE)

        async with watching(discoverer) as stream:
            await self._follow(stream, {ONE})
            await backend.remove(ONE)
            await self._follow(stream, set())

    async def test_a_watched_outage_is_no_answer(self, discoverer: Discoverer, backend: Backend) -> None:
        """While the source is away a watch waits, ends, or raises DiscoveryError; it never yields Empty for that."""
        self.needs("watch", "change", "stop")
        await backend.add(ONE)

        async with watching(discoverer) as stream:
            await self._follow(stream, {ONE})
            await backend.stop()
            answer = await _next_answer(stream, self.timeout)

        assert answer is None or addresses(answer) == {ONE}, (
            f"the source is away, and the watch yields {answer}"
        )

    async def test_a_watch_can_be_opened_anew(self, discoverer: Discoverer, backend: Backend) -> None:
        """After a watch was closed, the next one begins with the whole answer again."""
        self.needs("watch", "change")
        await backend.add(ONE)

        for _ in range(2):
            async with watching(discoverer) as stream:
                await self._follow(stream, {ONE})

    async def test_a_full_read_goes_on_beside_a_watch(self, discoverer: Discoverer, backend: Backend) -> None:
        """While a watch waits, discover answers: the host reads in full now and then, as a safety net."""
        self.needs("watch", "change")
        await backend.add(ONE)

        async with watching(discoverer) as stream:
            await self._follow(stream, {ONE})
            waiting = asyncio.create_task(_next(stream))
            await asyncio.wait({waiting}, timeout=0.05)
            try:
                answer = await asyncio.wait_for(discoverer.discover(), self.within)
            finally:
                await _cancel(waiting)

        assert addresses(answer) == {ONE}

    async def test_a_closed_watch_leaves_nothing(
        self, make: Callable[[], Discoverer], backend: Backend
    ) -> None:
        """A watch that is cancelled while it waits, and closed, leaves no task and no socket."""
        self.needs("watch", "change")
        await backend.add(ONE)

        async def live() -> None:
            discoverer = make()
            async with watching(discoverer) as stream:
                await self._follow(stream, {ONE})
                waiting = asyncio.create_task(_next(stream))
                await asyncio.wait({waiting}, timeout=0.05)
                await _cancel(waiting)
            await discoverer.aclose()

        await assert_leaves_nothing(live)

    async def _follow(self, stream: AsyncIterator[Found | Empty], expected: set[Address]) -> None:
        """Read answers until one is as expected."""
        answer: object = "nothing"
        try:
            async with asyncio.timeout(self.within):
                while addresses(answer) != expected or isinstance(answer, str):
                    answer = await anext(stream)
        except TimeoutError:
            pytest.fail(f"expected {expected}, the last answer in {self.within:g} s was {answer}")


@asynccontextmanager
async def watching(discoverer: Discoverer) -> AsyncIterator[AsyncIterator[Found | Empty]]:
    """Watch, and close the watch as the host does."""
    assert isinstance(discoverer, WatchingDiscoverer), "it declares watch and has no method watch"
    stream: Any = discoverer.watch()
    try:
        yield stream
    finally:
        if hasattr(stream, "aclose"):
            await asyncio.wait_for(stream.aclose(), 2.0)


async def _next(stream: AsyncIterator[Found | Empty]) -> Found | Empty:
    return await anext(stream)


async def _next_answer(stream: AsyncIterator[Found | Empty], within: float) -> Found | Empty | None:
    """Return the next answer; None if the watch waits, ends, or raises as it should."""
    try:
        return await asyncio.wait_for(anext(stream), within)
    except (TimeoutError, StopAsyncIteration, DiscoveryError):
        return None


async def _cancel(waiting: asyncio.Task[Found | Empty]) -> None:
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=1.0)
