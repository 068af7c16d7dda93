"""What every discoverer promises."""
# ruff: noqa: S101  a contract suite asserts

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import pytest
import pytest_asyncio

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.network.address import Address
from engram_discovery.testing.contracts.observing import assert_leaves_nothing, eventually, longest_hold
from engram_discovery.testing.contracts.provider import paused
from engram_discovery.testing.contracts.watching import WatchContract, addresses
from engram_discovery.types import Empty, Found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.host import PluginHost
    from engram_discovery.protocols import Discoverer
    from engram_discovery.testing.contracts.backend import Backend
    from engram_discovery.testing.log import RecordingLogger

__all__ = ["DiscovererContract"]

ONE, TWO, THREE = (Address(f"127.0.0.{number}", 7946) for number in (1, 2, 3))

#: As long as the host lets a call go on after it was cancelled.
_GRACE = 1.0

#: Holding the event loop for longer is logged by the host as a fault of the provider.
_LONG_HOLD = 0.25


class DiscovererContract(WatchContract):
    """The promises of ``engram_discovery.protocols.Discoverer``.

    Capabilities: ``change`` (records can be added and removed), ``stop``, ``pause``, ``corrupt``, and ``watch`` if the
    provider watches.
    """

    _known: ClassVar[frozenset[str]] = frozenset({"change", "stop", "pause", "corrupt", "watch"})

    @pytest.fixture
    def make(self, host: PluginHost, context: PluginContext, backend: Backend) -> Callable[[], Discoverer]:
        """Make a discoverer, which the test closes."""
        return lambda: host.create_discoverer(self.provider, self.table(host, backend), context)

    @pytest_asyncio.fixture(loop_scope="function")
    async def discoverer(self, make: Callable[[], Discoverer]) -> AsyncIterator[Discoverer]:
        """A discoverer that is closed after the test."""
        discoverer = make()
        yield discoverer
        with suppress(Exception):  # other tests check how it closes
            await _close(discoverer)

    # --- answers -------------------------------------------------------------------------------------------

    async def test_no_records_is_empty(self, discoverer: Discoverer) -> None:
        """A source without a record answers Empty, with a reason: that is an answer, not an error."""
        answer = await discoverer.discover()

        assert isinstance(answer, Empty), f"expected Empty, got {answer}"
        assert answer.reason, "Empty needs a reason that people can read"

    async def test_every_record_is_found(self, discoverer: Discoverer, backend: Backend) -> None:
        """All records of the source are in one answer, and nothing else is."""
        self.needs("change")
        for address in (ONE, TWO, THREE):
            await backend.add(address)

        await self._expect(discoverer, {ONE, TWO, THREE})

    async def test_a_removed_record_is_gone(self, discoverer: Discoverer, backend: Backend) -> None:
        """An answer is the current content of the source; the host keeps earlier answers."""
        self.needs("change")
        await backend.add(ONE)
        await backend.add(TWO)
        await self._expect(discoverer, {ONE, TWO})

        await backend.remove(ONE)

        await self._expect(discoverer, {TWO})

    async def test_answers_can_be_used_as_they_are(self, discoverer: Discoverer, backend: Backend) -> None:
        """Times to live are finite seconds, and facts are text: the host need not correct or drop anything."""
        self.needs("change")
        await backend.add(ONE)
        await self._expect(discoverer, {ONE})

        answer = await discoverer.discover()

        assert isinstance(answer, Found)
        for ttl in (answer.ttl, *(endpoint.ttl for endpoint in answer.endpoints)):
            assert ttl is None or (math.isfinite(ttl) and ttl >= 0), f"a time to live of {ttl} is no time"
        facts = [text for endpoint in answer.endpoints for pair in endpoint.meta.items() for text in pair]
        assert all(isinstance(text, str) for text in facts), f"Endpoint.meta maps text to text, got {facts}"

    async def test_rounds_may_overlap(self, discoverer: Discoverer, backend: Backend) -> None:
        """Several calls at once all answer: the host may read in full while an earlier call still waits."""
        self.needs("change")
        await backend.add(ONE)
        await self._expect(discoverer, {ONE})

        answers = await asyncio.gather(*(discoverer.discover() for _ in range(5)))

        assert [addresses(answer) for answer in answers] == [{ONE}] * 5

    # --- failures ------------------------------------------------------------------------------------------

    async def test_an_outage_is_an_error(self, discoverer: Discoverer, backend: Backend) -> None:
        """A source that cannot be asked raises DiscoveryError: an error is never an empty answer."""
        self.needs("stop")
        await backend.stop()

        with pytest.raises(DiscoveryError) as caught:
            await asyncio.wait_for(discoverer.discover(), self.timeout + _GRACE)

        assert caught.value.kind is not FailureKind.PLUGIN_BUG, (
            "plugin_bug is how the host classifies crashes"
        )
        assert str(caught.value), "the error needs a message that people can act on"

    async def test_it_works_again_after_an_outage(self, discoverer: Discoverer, backend: Backend) -> None:
        """The same object answers again once the source is back; the host does not make a new one."""
        self.needs("change", "stop")
        await backend.add(ONE)
        await backend.stop()
        with suppress(Exception):  # another test checks how it fails
            await asyncio.wait_for(discoverer.discover(), self.timeout + _GRACE)

        await backend.start()

        await self._expect(discoverer, {ONE})

    async def test_garbage_is_bad_data(self, discoverer: Discoverer, backend: Backend) -> None:
        """An answer that cannot be read raises DiscoveryError of kind bad_data, never a part of it or Empty."""
        self.needs("change", "corrupt")
        await backend.add(ONE)
        await backend.corrupt()

        with pytest.raises(DiscoveryError) as caught:
            await asyncio.wait_for(discoverer.discover(), self.timeout + _GRACE)

        assert caught.value.kind is FailureKind.BAD_DATA

    async def test_silence_is_no_answer(self, discoverer: Discoverer, backend: Backend) -> None:
        """While a source is silent, discover waits or raises DiscoveryError; it never returns an answer."""
        self.needs("change", "pause")
        await backend.add(ONE)
        await self._expect(discoverer, {ONE})

        async with paused(backend):
            call = asyncio.create_task(discoverer.discover())
            await asyncio.wait({call}, timeout=self.timeout)
            answer = None if not call.done() else call.exception() or call.result()
            await _cancel(call)

        assert answer is None or isinstance(answer, DiscoveryError), f"silence became an answer: {answer}"

    # --- manners -------------------------------------------------------------------------------------------

    async def test_a_cancelled_call_ends_at_once(self, discoverer: Discoverer, backend: Backend) -> None:
        """Past the deadline the host cancels the call, which must then end within a second."""
        self.needs("pause")
        async with paused(backend):
            call = asyncio.create_task(discoverer.discover())
            await asyncio.wait({call}, timeout=0.1)

            ended = await _cancel(call)

        assert ended, f"discover() still ran {_GRACE:g} s after it was cancelled"

    async def test_a_cancelled_call_leaves_nothing(
        self, make: Callable[[], Discoverer], backend: Backend
    ) -> None:
        """What a cancelled call had begun ends with it, or with the discoverer."""
        self.needs("pause")

        async def live() -> None:
            discoverer = make()
            async with paused(backend):
                call = asyncio.create_task(discoverer.discover())
                await asyncio.wait({call}, timeout=0.1)
                await _cancel(call)
                await _close(discoverer)

        await assert_leaves_nothing(live)

    async def test_closing_leaves_nothing(self, make: Callable[[], Discoverer]) -> None:
        """No task and no socket outlives aclose."""

        async def live() -> None:
            discoverer = make()
            await _ask(discoverer)
            await _close(discoverer)

        await assert_leaves_nothing(live)

    async def test_it_can_be_closed_unused(self, make: Callable[[], Discoverer]) -> None:
        """A discoverer that was never asked can be closed: that is what a failing start-up does."""
        await _close(make())

    async def test_it_can_be_closed_after_a_failure(
        self, make: Callable[[], Discoverer], backend: Backend
    ) -> None:
        """A discoverer whose last call failed can be closed, while its source is still away."""
        self.needs("stop")
        discoverer = make()
        await backend.stop()
        with suppress(Exception):
            await asyncio.wait_for(discoverer.discover(), self.timeout + _GRACE)

        await _close(discoverer)

    async def test_it_never_holds_the_event_loop(self, discoverer: Discoverer) -> None:
        """Everything else in the process goes on while it waits or computes."""
        longest = await longest_hold(lambda: _ask(discoverer))

        assert longest < _LONG_HOLD, f"held the event loop for {longest * 1000:.0f} ms"

    async def test_no_secret_is_shown(
        self, discoverer: Discoverer, backend: Backend, log: RecordingLogger
    ) -> None:
        """A secret of the settings is in no log line, no error, and no repr."""
        await _ask(discoverer)
        error: Exception | None = None
        if "stop" in self.capabilities:
            await backend.stop()
            try:
                await asyncio.wait_for(discoverer.discover(), self.timeout + _GRACE)
            except Exception as raised:  # noqa: BLE001  whatever it is, it must show no secret
                error = raised

        self.assert_no_secret(log=log.events, discoverer=discoverer, error=error)

    async def _expect(self, discoverer: Discoverer, expected: set[Address]) -> None:
        """Ask until the answer is as expected; a server or its client may take a moment."""
        answer: object = None

        async def as_expected() -> bool:
            nonlocal answer
            try:
                answer = await discoverer.discover()
            except DiscoveryError as error:
                answer = error
            return addresses(answer) == expected

        assert await eventually(as_expected, self.within), f"expected {expected}, got {answer}"


async def _ask(discoverer: Discoverer) -> None:
    with suppress(DiscoveryError):
        await discoverer.discover()


async def _cancel(call: asyncio.Task[Found | Empty]) -> bool:
    """Cancel a call; return whether it ended in time."""
    call.cancel()
    await asyncio.wait({call}, timeout=_GRACE)
    return call.done()


async def _close(discoverer: Discoverer) -> None:
    """Close it as the host does, which waits a bounded time."""
    async with asyncio.timeout(2 * _GRACE):
        await discoverer.aclose()
