"""Three members: each may die, freeze or stop, leaders too, and so may two of them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind, RegistrationError
from engram_discovery.registration.registration import RegistrationState
from engram_discovery_etcd.client import EtcdClient
from engram_discovery_etcd.failures import EtcdError
from engram_discovery_etcd.messages import RangeRequest
from plugins.etcd.tests.factories import (
    Log,
    discoverer,
    etcd_client,
    make_node,
    make_registration,
    make_source,
    put_when_served,
    raw_put,
    registrar,
    until_state,
    until_watching,
)
from tests.servers.etcd import Etcd
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

E = TypeVar("E", DiscoveryError, RegistrationError)
PEER = b'{"Op":0,"Addr":"10.0.0.%d:7946"}'


@pytest.mark.parametrize("fault", ["kill", "pause", "stop"])
async def test_the_watch_goes_on_at_another_member(members: list[Etcd], fault: str) -> None:
    """The member that we watch dies or freezes: a change is seen through another in five seconds."""
    first, *others = members
    source = make_source(Log(), *(member.endpoint for member in members))
    source.start()
    async with etcd_client(others[0].endpoint) as client:
        await until_watching(source, 0)
        await raw_put(client, ("/engram/c/n1", PEER % 1))
        await until_watching(source, 1)

        outcome = getattr(first, fault)()
        if outcome is not None:
            await outcome
        started = time.monotonic()
        await put_when_served(client, "/engram/c/n2", PEER % 2)
        served = time.monotonic()
        await until_watching(source, 2)
        seen = time.monotonic()

    await source.aclose()
    print(f"{fault}: etcd served after {served - started:.1f} s, change seen after {seen - started:.1f} s")
    assert seen - served < 9  # five on a machine with time to spare; HTTP/2 alone would take thirteen


async def test_a_lost_quorum_keeps_the_peers_and_is_repaired(members: list[Etcd]) -> None:
    """Two of three frozen for longer than the TTL: peers stay, the record is lost; both are repaired afterwards."""
    endpoints = [member.endpoint for member in members]
    source, registration = make_source(Log(), *endpoints), make_registration(*endpoints, ttl=3)
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)
    source.start()
    await until_watching(source, 1)

    for member in members[:2]:
        member.pause()
    await until_state(registration, RegistrationState.LOST)
    during = source.snapshot()
    for member in members[:2]:
        member.resume()
    back = time.monotonic()
    await until_state(registration, RegistrationState.REGISTERED, 40)
    await until_watching(source, 1, within=40)
    print(f"repaired {time.monotonic() - back:.1f} s after the quorum was back")

    await registration.aclose()
    await source.aclose()
    assert len(during) == 1


async def test_a_member_without_quorum_says_so(members: list[Etcd]) -> None:
    """The survivor of three answers that it has no leader; nothing is written or believed."""
    last = members[2]
    for member in members[:2]:
        member.kill()

    async with discoverer(last.endpoint) as source, registrar(last.endpoint) as registry:
        unread = await failure_of(source.discover, DiscoveryError)
        unwritten = await failure_of(lambda: registry.register(make_node()), RegistrationError)

    assert unread.kind is unwritten.kind is FailureKind.UNAVAILABLE


async def failure_of(call: Callable[[], Awaitable[object]], kind: type[E]) -> E:
    """Call until the answer is that there is no leader; a member takes some seconds to notice."""
    errors: list[E] = []

    async def says_so() -> bool:
        with pytest.raises(kind) as caught:
            await call()
        errors.append(caught.value)
        return "sees no leader" in str(caught.value)

    await wait_until(says_so, within=20, what="it sees no leader")
    return errors[-1]


async def leader_of(members: list[Etcd]) -> Etcd:
    """Return the leader, as soon as there is one."""
    while True:
        for member in members:
            [answer] = json.loads(await member.ctl("endpoint", "status", "-w", "json"))
            status = answer["Status"]
            if status["leader"] == status["header"]["member_id"]:
                return member


@asynccontextmanager
async def absences(endpoints: list[str], key: bytes) -> AsyncIterator[list[float]]:
    """Read the key again and again, linearizably; give the seconds of each stretch in which no answer had it."""
    stretches: list[float] = []

    async def read(client: EtcdClient) -> None:
        missing_since: float | None = None
        while True:
            try:
                there = bool((await client.range(RangeRequest(key=key))).kvs)
            except EtcdError:
                there = missing_since is None  # unknown: whatever it was, goes on
            if there:
                missing_since = None
            else:
                now = time.monotonic()
                missing_since = missing_since or now
                stretches.append(now - missing_since)
            await asyncio.sleep(0.3)

    async with etcd_client(*endpoints) as client:
        reading = asyncio.create_task(read(client))
        try:
            yield stretches
        finally:
            reading.cancel()
            await asyncio.wait({reading})


@pytest.mark.timeout(120)
async def test_leaders_that_die_one_after_the_other_take_nothing_with_them(members: list[Etcd]) -> None:
    """Each leader killed for seconds: no read misses our key for as long as its TTL, and the watch finds its way."""
    ttl, endpoints = 8, [member.endpoint for member in members]
    source, registration = make_source(Log(), *endpoints), make_registration(*endpoints, ttl=ttl)
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)
    source.start()
    await until_watching(source, 1)

    async with absences(endpoints, b"/engram/c/n1") as missing, etcd_client(*endpoints) as client:
        for number in (2, 3, 4):
            leader = await leader_of(members)
            leader.kill()
            await asyncio.sleep(ttl / 2)
            await put_when_served(client, f"/engram/c/n{number}", PEER % number)
            await until_watching(source, number)
            await leader.start()
    repairs = registration.repairs
    await registration.aclose()
    await source.aclose()

    assert max(missing, default=0) < ttl
    assert repairs.get("expired", 0) == 0
