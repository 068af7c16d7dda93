"""A registration: registered, renewed, verified, repaired, removed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.network.address import Address
from engram_discovery.registration.registration import Registration, RegistrationState
from engram_discovery.runtime.clock import Clock
from engram_discovery.runtime.log import get_logger
from engram_discovery.testing import FakeClock
from engram_discovery.testing.virtual_time import LoopClock, in_virtual_time
from engram_discovery.types import Lease, NodeIdentity, NodeRecord

NODE = NodeRecord(
    identity=NodeIdentity(node_id="n1", generation=1, cluster="c"),
    addr=Address("127.0.0.1", 7946),
    api_addr=Address("127.0.0.1", 50051),
)


class Registry:
    """A registrar that keeps its record in memory and fails on demand."""

    def __init__(self, ttl: float | None = 30.0) -> None:
        self.ttl = ttl
        self.record: NodeRecord | None = None
        self.calls: list[str] = []
        self.failure: BaseException | None = None
        self.shows = True
        self.hangs = False
        self.closed = False

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure:
            raise self.failure

    async def register(self, node: NodeRecord) -> Lease:
        await self._call("register")
        self.record = node
        return Lease(self.ttl)

    async def renew(self) -> Lease:
        await self._call("renew")
        if self.record is None:
            raise RegistrationError("gone", kind=FailureKind.NOT_FOUND)
        return Lease(self.ttl)

    async def verify(self) -> bool:
        await self._call("verify")
        return self.shows and self.record is not None

    async def deregister(self) -> None:
        await self._call("deregister")
        self.record = None

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def keep(registry: Any, clock: Clock, seed: int = 1) -> Registration:
    registration = Registration(
        "memory", registry, NODE, clock=clock, random=Random(seed), logger=get_logger("engram_discovery.test")
    )
    registration.start()
    return registration


async def test_a_record_is_registered_verified_and_renewed(clock: FakeClock) -> None:
    """Registered only after a read showed it; renewed at a third of the granted TTL."""
    registry = Registry(ttl=30)
    registration = keep(registry, clock)

    await clock.advance(0)
    at_once = registration.state
    await clock.advance(31)
    await registration.aclose()

    assert at_once is RegistrationState.REGISTERED
    assert registry.calls == ["register", "verify"] + ["renew", "verify"] * 3 + ["deregister"]
    assert (registry.record, registry.closed) == (None, True)


async def test_an_accepted_record_that_no_read_shows_is_unverified(clock: FakeClock) -> None:
    """A registry without a quorum accepts everything: that is not registered, until a read shows it."""
    registry = Registry()
    registry.shows = False
    registration = keep(registry, clock)

    await clock.advance(20)
    meanwhile = registration.state
    registry.shows = True
    await clock.advance(31)
    await registration.aclose()

    assert meanwhile is RegistrationState.UNVERIFIED
    assert registration.last_error is None


@pytest.mark.parametrize("ttl", [30.0, None])
async def test_a_record_that_vanished_is_registered_again(clock: FakeClock, ttl: float | None) -> None:
    """With a lease or without, it is back within a verification interval."""
    registry = Registry(ttl)
    registration = keep(registry, clock)
    await clock.advance(1)

    registry.record = None
    await clock.advance(40)
    state = registration.state
    await registration.aclose()

    assert state is RegistrationState.REGISTERED
    assert registration.repairs == {"lost": 1}
    assert registry.calls.count("register") == 2


async def test_an_unreachable_registry_is_retried(clock: FakeClock) -> None:
    """Registered within ten seconds of the registry's return; the attempts back off."""
    registry = Registry()
    registry.failure = RegistrationError("refused", kind=FailureKind.REFUSED)
    registration = keep(registry, clock)

    await clock.advance(600)
    tries = len(registry.calls)
    registry.failure = None
    await clock.advance(10)
    state = registration.state
    await registration.aclose()

    assert 75 <= tries <= 160
    assert state is RegistrationState.REGISTERED


@pytest.mark.parametrize("seed", range(5))
async def test_a_registry_that_lost_the_record_in_an_outage_gets_it_at_once(
    clock: FakeClock, seed: int
) -> None:
    """After an outage of any length, the read that shows the loss is followed by a registration without back-off."""
    registry = Registry(ttl=None)
    registration = keep(registry, clock, seed)
    await clock.advance(0)
    registry.failure = RegistrationError("refused", kind=FailureKind.REFUSED)
    await clock.advance(600)

    registry.failure, registry.record = None, None
    await clock.advance(10)
    state = registration.state
    await registration.aclose()

    assert state is RegistrationState.REGISTERED
    assert registration.repairs == {"lost": 1}


async def test_an_outage_longer_than_the_ttl_is_a_loss(clock: FakeClock) -> None:
    """The lease has expired although no call could report it: the record is registered, not renewed."""
    registry = Registry(ttl=30)
    registration = keep(registry, clock)
    await clock.advance(1)

    registry.failure = RegistrationError("away", kind=FailureKind.UNAVAILABLE)
    await clock.advance(60)
    meanwhile = registration.state
    registry.failure = None
    await clock.advance(31)
    await registration.aclose()

    assert meanwhile is RegistrationState.LOST
    assert registration.repairs == {"expired": 1}


async def test_a_lease_that_expires_during_an_outage_is_a_loss_at_once(clock: FakeClock) -> None:
    """The deadline is the granted time after the last answer: no retry and no slow call extends it."""
    registry = Registry(ttl=30)
    registration = keep(registry, clock)
    await clock.advance(0)

    registry.failure = RegistrationError("away", kind=FailureKind.UNAVAILABLE, retry_after=45)
    await clock.advance(29)
    before = registration.state
    await clock.advance(1)
    after = registration.state
    await registration.aclose()

    assert (before, after) == (RegistrationState.REGISTERED, RegistrationState.LOST)


@pytest.mark.parametrize("failure", [RuntimeError("s3cret"), SystemExit(3), asyncio.CancelledError()])
async def test_a_registrars_bug_does_not_end_the_upkeep(clock: FakeClock, failure: BaseException) -> None:
    """Any exception of a registrar is reported by its type, without its text, and the call is tried again."""
    registry = Registry()
    registry.failure = failure
    registration = keep(registry, clock)
    await clock.advance(1)
    error = registration.last_error

    registry.failure = None
    await clock.advance(31)
    state = registration.state
    await registration.aclose()

    assert error is not None
    assert error.kind is FailureKind.PLUGIN_BUG
    assert "s3cret" not in str(error)
    assert state is RegistrationState.REGISTERED


async def test_retry_after_is_respected(clock: FakeClock) -> None:
    """A registry that asks for a pause gets it."""
    registry = Registry()
    registry.failure = RegistrationError("busy", kind=FailureKind.RATE_LIMITED, retry_after=120)
    registration = keep(registry, clock)

    await clock.advance(119)
    calls = list(registry.calls)
    await registration.aclose()

    assert calls == ["register"]


@pytest.mark.parametrize(
    "failure", [RegistrationError("away", kind=FailureKind.UNAVAILABLE), ValueError("bug"), SystemExit(3)]
)
async def test_closing_never_raises_and_releases(clock: FakeClock, failure: BaseException) -> None:
    """A record that cannot be removed expires by its TTL; the registrar is closed as well."""
    registry = Registry()
    registration = keep(registry, clock)
    await clock.advance(0)

    registry.failure = failure
    await registration.aclose()

    assert registry.closed
    assert registration.state is RegistrationState.DRAINING


async def test_draining_waits_before_the_record_goes(clock: FakeClock) -> None:
    """Load balancers get the time to stop sending work."""
    registry = Registry()
    registration = keep(registry, clock)
    await clock.advance(0)

    closing = asyncio.ensure_future(registration.aclose(drain_delay=10))
    await clock.advance(9)
    before = registry.record
    await clock.advance(2)
    await closing

    assert before is not None
    assert registry.record is None


class Watched(Registry):
    """A registrar that can watch its record."""

    def __init__(self, ttl: float | None = None) -> None:
        super().__init__(ttl)
        self.change = asyncio.Event()
        self.cannot_watch: Exception | None = None

    async def wait_for_change(self) -> None:
        await self.change.wait()
        if self.cannot_watch:
            raise self.cannot_watch


async def test_a_watched_record_is_verified_and_repaired_at_once(clock: FakeClock) -> None:
    """A loss that the registrar reports does not wait for the next verification."""
    registry = Watched()
    registration = keep(registry, clock)
    await clock.advance(2)

    registry.record = None
    registry.change.set()
    await clock.advance(1)
    state = registration.state
    await registration.aclose()

    assert state is RegistrationState.REGISTERED
    assert registration.repairs == {"lost": 1}


@pytest.mark.parametrize(("failure", "verifications"), [(None, 11), (RuntimeError("bug"), 2)])
async def test_reports_of_changes_are_limited_to_one_a_second(
    clock: FakeClock, failure: Exception | None, verifications: int
) -> None:
    """Constant reports cause no busy loop; after a failed watch only the regular verification runs."""
    registry = Watched()
    registry.change.set()
    registry.cannot_watch = failure
    registration = keep(registry, clock)

    await clock.advance(10 if failure is None else 37)
    await registration.aclose()

    assert registry.calls.count("verify") == verifications


async def test_retries_of_a_lease_come_within_a_third_of_it(clock: FakeClock) -> None:
    """After a long outage a record with a TTL is back within a third of it, not within the longest retry."""
    registry = Registry(ttl=9)
    registration = keep(registry, clock)
    await clock.advance(0)
    registry.failure = RegistrationError("away", kind=FailureKind.UNAVAILABLE)
    await clock.advance(300)

    registry.failure = None
    await clock.advance(3)
    state = registration.state
    await registration.aclose()

    assert state is RegistrationState.REGISTERED
    assert registration.failures["unavailable"] > 60


async def test_a_record_of_a_newer_run_is_not_touched(clock: FakeClock) -> None:
    """Superseded is final: the record is not renewed, written or read any more, and closing is clean."""
    registry = Registry()
    registration = keep(registry, clock)
    await clock.advance(0)

    registry.failure = RegistrationError(
        "generation 2 holds it", kind=FailureKind.SUPERSEDED, retryable=False
    )
    await clock.advance(30)
    registry.failure = None
    calls = len(registry.calls)
    await clock.advance(600)

    assert registration.state is RegistrationState.SUPERSEDED
    assert len(registry.calls) == calls
    await registration.aclose()
    assert registry.closed


@pytest.mark.parametrize("ttl", [3.0, 6.0, 30.0])
@in_virtual_time
async def test_a_read_that_hangs_does_not_cost_the_lease(ttl: float) -> None:
    """Renewals are on time although every verification hangs."""

    class Unreadable(Registry):
        async def renew(self) -> Lease:
            renewed.append(loop.time())
            return Lease(self.ttl)

    loop = asyncio.get_running_loop()
    registry = Unreadable(ttl)
    renewed = [loop.time()]
    registration = keep(registry, LoopClock())
    await asyncio.sleep(1)

    registry.hangs = True
    await asyncio.sleep(10 * ttl)
    state = registration.state
    registry.hangs = False
    await registration.aclose()

    assert max(after - before for before, after in pairwise(renewed)) < ttl
    assert state is RegistrationState.REGISTERED
    assert registration.failures.keys() == {"timeout"}


@in_virtual_time
async def test_a_registrar_that_ignores_cancellation_does_not_delay_the_shutdown() -> None:
    """Such a call is abandoned, and the node stops within seconds."""

    class Resisting(Registry):
        async def verify(self) -> bool:
            while not self.closed:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(600)
                    return True
            return False

    loop = asyncio.get_running_loop()
    registry = Resisting()
    registration = keep(registry, LoopClock())
    await asyncio.sleep(1)

    began = loop.time()
    await registration.aclose()

    assert loop.time() - began < 20
    await asyncio.sleep(700)
