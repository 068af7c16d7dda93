"""The upkeep of a registration: made, renewed, read back, repaired, removed."""

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
from engram_discovery.types import Lease, NodeIdentity, NodeRecord
from tests.support.virtual_time import LoopClock, in_virtual_time

NODE = NodeRecord(
    identity=NodeIdentity(node_id="n1", generation=1, cluster="c"),
    addr=Address("127.0.0.1", 7946),
    api_addr=Address("127.0.0.1", 50051),
)


class Registry:
    """A registrar that keeps its record in memory and fails as it is told."""

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


async def test_a_record_is_made_verified_and_renewed(clock: FakeClock) -> None:
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
async def test_a_record_that_vanished_is_made_again(clock: FakeClock, ttl: float | None) -> None:
    """Whoever removed it, with a lease or without, it is back within a verification interval."""
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


async def test_a_registry_that_is_away_is_waited_for(clock: FakeClock) -> None:
    """Away at the start and coming later: registered within ten seconds; the tries grow apart."""
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
async def test_a_registry_that_forgot_while_it_was_away_is_told_at_once(clock: FakeClock, seed: int) -> None:
    """However long it was away: the read that shows the loss is followed by a registration, not by a long wait."""
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
    """The lease has run out although nobody could tell us: register again, do not renew."""
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


async def test_a_lease_that_runs_out_while_nobody_answers_is_a_loss_at_once(clock: FakeClock) -> None:
    """The deadline is the granted time after the last answer: no retry and no slow call puts it off."""
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
    """Whatever a third party's code raises is named, without its text, and tried again."""
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
    """A registry that refuses the good-bye is left to its TTL; sockets are closed all the same."""
    registry = Registry()
    registration = keep(registry, clock)
    await clock.advance(0)

    registry.failure = failure
    await registration.aclose()

    assert registry.closed
    assert registration.state is RegistrationState.DRAINING


async def test_draining_waits_before_the_record_goes(clock: FakeClock) -> None:
    """Load balancers get the time to look away."""
    registry = Registry()
    registration = keep(registry, clock)
    await clock.advance(0)

    closing = asyncio.ensure_future(registration.aclose(drain=10))
    await clock.advance(9)
    before = registry.record
    await clock.advance(2)
    await closing

    assert before is not None
    assert registry.record is None


class Watched(Registry):
    """A registrar that is told what happens to its record."""

    def __init__(self, ttl: float | None = None) -> None:
        super().__init__(ttl)
        self.disturbance = asyncio.Event()
        self.cannot_watch: Exception | None = None

    async def wait_for_change(self) -> None:
        await self.disturbance.wait()
        if self.cannot_watch:
            raise self.cannot_watch


async def test_a_disturbed_record_is_looked_at_and_made_again_at_once(clock: FakeClock) -> None:
    """A registrar that sees its record go need not wait for the next reading."""
    registry = Watched()
    registration = keep(registry, clock)
    await clock.advance(2)

    registry.record = None
    registry.disturbance.set()
    await clock.advance(1)
    state = registration.state
    await registration.aclose()

    assert state is RegistrationState.REGISTERED
    assert registration.repairs == {"lost": 1}


@pytest.mark.parametrize(("failure", "looks"), [(None, 11), (RuntimeError("bug"), 2)])
async def test_a_nervous_registrar_is_heard_once_a_second(
    clock: FakeClock, failure: Exception | None, looks: int
) -> None:
    """One that cries wolf makes no busy loop; one that cannot watch is not listened to until the next reading."""
    registry = Watched()
    registry.disturbance.set()
    registry.cannot_watch = failure
    registration = keep(registry, clock)

    await clock.advance(10 if failure is None else 37)
    await registration.aclose()

    assert registry.calls.count("verify") == looks


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


async def test_a_record_that_a_newer_run_holds_is_left_alone(clock: FakeClock) -> None:
    """Replaced is final: nothing is renewed, written or read any more, and closing is still clean."""
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
    """Renewals are on time whatever becomes of the reading beside them."""

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
async def test_a_registrar_that_resists_its_end_does_not_hold_up_the_shutdown() -> None:
    """A call that swallows its cancellation is left behind, and the node stops within seconds."""

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
