"""Three real Consul servers lose their leader, then their quorum, and get it back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from engram_discovery.errors import FailureKind
from engram_discovery.registration.registration import Registration, RegistrationState
from engram_discovery.sources.status import Outcome
from plugins.consul.tests.factories import Maker, record
from plugins.consul.tests.integration.waiting import until_outcome, until_state
from tests.servers.consul import Consul, cluster_of
from tests.servers.process import wait_until

pytestmark = pytest.mark.server


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[list[Consul]]:
    cluster = cluster_of(tmp_path, 3)
    async with AsyncExitStack() as stack:
        for server in cluster:
            stack.push_async_exit(server)
        await asyncio.gather(*(server.start() for server in cluster))
        yield cluster


async def test_without_a_quorum_nothing_counts_as_registered(servers: list[Consul]) -> None:
    """What an agent without a quorum takes in does not count; known peers stay; with the quorum, all is well."""
    survivor = servers[0]
    await survivor.add("engram-p1", Address="192.0.2.1")
    old, new = record(), record(node_id="n2")
    async with Maker(survivor.addr) as make, Maker(survivor.addr, check="ttl", ttl=6) as later:
        registered, source = make.registration(old), make.source(old)
        await until_state(registered, RegistrationState.REGISTERED)
        await until_outcome(source, Outcome.FOUND)

        for server in servers[1:]:
            server.kill()
        await wait_until(lambda: is_without_leader(survivor), within=60, what="the quorum is lost", every=0.5)
        late = later.registration(new)
        await wait_until(lambda: says_why(make), within=40, what="the check names the lost quorum")
        await wait_until(lambda: has_failed(late), within=20, what="the registration failed")
        states, kept = (registered.state, late.state), {one.host for one in source.snapshot()}
        await asyncio.gather(*(server.start() for server in servers[1:]))
        await until_state(late, RegistrationState.REGISTERED, within=40)
        await until_outcome(source, Outcome.FOUND, within=60)

        assert states[0] is RegistrationState.REGISTERED
        assert states[1] in {RegistrationState.PENDING, RegistrationState.UNVERIFIED}
        assert "192.0.2.1" in kept
        assert registered.repairs == {}
        assert set(late.failures) <= {FailureKind.UNAVAILABLE, FailureKind.TIMEOUT}


async def says_why(make: Maker) -> bool:
    check = await make.health_check(record()).check()
    return check.status == "critical" and "No cluster leader" in check.output


async def has_failed(registration: Registration) -> bool:
    return bool(registration.failures)


async def is_without_leader(server: Consul) -> bool:
    try:
        await server.call("GET", "health/service/engram")
    except httpx.HTTPStatusError as error:
        return error.response.status_code == 500
    except httpx.TimeoutException:
        return True  # it listens, and there is nobody who could answer: the 500 may take longer than we wait
    except httpx.TransportError:
        return False
    return False


async def test_a_change_of_leader_changes_nothing_of_ours(servers: list[Consul]) -> None:
    """Reads fail for seconds: nobody is dropped, nothing is registered anew, few lines are logged."""
    leader = (await servers[0].call("GET", "status/leader")).json()
    names = [(await server.call("GET", "agent/self")).json() for server in servers]
    is_leader = [name["DebugConfig"]["ServerPort"] == int(leader.rpartition(":")[2]) for name in names]
    follower = servers[is_leader.index(False)]
    await follower.add("engram-p1", Address="192.0.2.1")
    ours = record()
    async with Maker(follower.addr, check="ttl", ttl=12, wait=5) as make:
        registration, source = make.registration(ours), make.source(ours)
        await until_state(registration, RegistrationState.REGISTERED)
        await until_outcome(source, Outcome.FOUND)

        servers[is_leader.index(True)].kill()
        await wait_until(lambda: is_without_leader(follower), within=5, what="reads fail")
        await until_state(registration, RegistrationState.REGISTERED)
        await until_outcome(source, Outcome.FOUND, within=60)
        await wait_until(lambda: is_calm(registration), within=40, what="the registration is verified again")

        assert "192.0.2.1" in {one.host for one in source.snapshot()}
        assert registration.repairs == {}
        assert len(make.log.warnings) <= 9


async def is_calm(registration: Registration) -> bool:
    return registration.last_error is None
