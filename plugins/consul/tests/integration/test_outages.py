"""A real Consul is wiped, frozen, cut off, slowed down and put back, under a node that is left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engram_discovery.registration.registration import Registration, RegistrationState
from engram_discovery.sources.source import Source
from engram_discovery.sources.status import Outcome
from plugins.consul.tests.factories import Maker, record
from plugins.consul.tests.integration.waiting import until_outcome, until_state
from tests.servers.consul import Consul
from tests.servers.process import free_port, wait_until
from tests.servers.toxiproxy import Toxiproxy

pytestmark = pytest.mark.server

OURS = record()
PEERS = {"192.0.2.1", "192.0.2.2"}


@pytest.fixture
async def consul(tmp_path: Path) -> AsyncIterator[Consul]:
    async with Consul(tmp_path / "consul") as agent:
        await add_peers(agent)
        yield agent


async def add_peers(agent: Consul) -> None:
    for number in (1, 2):
        await agent.add(f"engram-p{number}", Address=f"192.0.2.{number}")


@asynccontextmanager
async def peers_never_missing(source: Source) -> AsyncIterator[list[set[str]]]:
    """Sample the peers that a source holds, ten times a second; at the end, they were always all there."""
    samples: list[set[str]] = []

    async def sample() -> None:
        while True:
            samples.append({endpoint.host for endpoint in source.snapshot()})
            await asyncio.sleep(0.1)

    sampling = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
    assert samples
    assert all(sample >= PEERS for sample in samples)


async def test_an_agent_that_forgot_everything_is_told_again(consul: Consul) -> None:
    """Wiped and restarted: our record is back within seconds, the index that fell is followed, no peer was dropped."""
    async with Maker(consul.addr, wait=30) as make:
        registration, source = make.registration(OURS), make.source(OURS)
        await until_state(registration, RegistrationState.REGISTERED)
        await until_outcome(source, Outcome.FOUND)
        before = (await consul.call("GET", "health/service/engram")).headers["X-Consul-Index"]

        async with peers_never_missing(source):
            consul.kill()
            await consul.start()
            after = (await consul.call("GET", "health/service/engram")).headers["X-Consul-Index"]
            await wait_until(lambda: is_registered(consul), within=20, what="our record is back")
            await add_peers(consul)
            await until_outcome(source, Outcome.FOUND, within=40)
            await consul.add("engram-p3", Address="192.0.2.3")
            await wait_until(lambda: holds(source, "192.0.2.3"), within=20, what="the watch goes on")
            await until_state(registration, RegistrationState.REGISTERED, within=20)

        assert int(after) < int(before)
        assert registration.repairs == {"lost": 1}
        assert "registration.recovered" in make.log.events


async def is_registered(consul: Consul, service_id: str = "engram-n1") -> bool:
    return service_id in await consul.service()


async def holds(source: Source, host: str) -> bool:
    return host in {endpoint.host for endpoint in source.snapshot()}


@pytest.mark.parametrize("check", ["http", "ttl"])
async def test_a_record_removed_behind_our_back_is_back_at_once(consul: Consul, check: str) -> None:
    """Whoever deregisters us, the agent tells us, and we are back within seconds, not within the reading interval."""
    async with Maker(consul.addr, check=check) as make:
        registration = make.registration(OURS)
        await until_state(registration, RegistrationState.REGISTERED)
        await asyncio.sleep(1.2)

        await consul.remove("engram-n1")
        await wait_until(lambda: is_registered(consul), within=15, what="our record is back")

        await until_state(registration, RegistrationState.REGISTERED)
        assert registration.repairs == {"lost": 1}
        assert ("registration.failed", "not_found") in [
            (event, facts.get("kind")) for event, facts in make.log.warnings
        ]


async def test_an_agent_frozen_for_longer_than_the_ttl_is_waited_out(consul: Consul) -> None:
    """Frozen for more than the TTL: every call ends at its deadline; thawed, we pass again within a third of it."""
    async with Maker(consul.addr, check="ttl", ttl=3, timeout=1, wait=1) as make:
        registration, source = make.registration(OURS), make.source(OURS)
        await until_state(registration, RegistrationState.REGISTERED)
        await until_outcome(source, Outcome.FOUND)

        async with peers_never_missing(source):
            consul.pause()
            await until_state(registration, RegistrationState.LOST, within=20)
            await asyncio.sleep(3)
            failures = dict(registration.failures)
            consul.resume()
            await until_state(registration, RegistrationState.REGISTERED, within=15)
            await until_outcome(source, Outcome.FOUND, within=40)
            await wait_until(lambda: passes(consul), within=15, what="our check passes again")

        assert failures.keys() == {"timeout"}
        assert registration.repairs.keys() == {"expired"}


async def test_an_agent_that_comes_later_is_found(tmp_path: Path) -> None:
    """Away at the start: nothing stops, and once it is there we are registered and find the others."""
    port = free_port()
    async with Maker(f"127.0.0.1:{port}") as make:
        registration, source = make.registration(OURS), make.source(OURS)
        await until_outcome(source, Outcome.FAILED)
        await asyncio.sleep(1)
        pending = registration.state

        async with Consul(tmp_path / "consul", port=port) as consul:
            await add_peers(consul)
            await until_state(registration, RegistrationState.REGISTERED, within=20)
            await wait_until(lambda: holds(source, "192.0.2.2"), within=40, what="the peers are found")
            error = registration.last_error

            assert (pending, error) == (RegistrationState.PENDING, None)
            await registration.aclose()
            assert not await is_registered(consul)


async def test_after_a_restart_with_data_we_pass_at_once(tmp_path: Path) -> None:
    """The agent remembers the record but calls it critical: we report at once, not at the next third of the TTL."""
    async with (
        Consul(tmp_path / "consul", in_memory=False) as consul,
        Maker(consul.addr, check="ttl", ttl=300) as make,
    ):
        registration = make.registration(OURS)
        await until_state(registration, RegistrationState.REGISTERED)
        await asyncio.sleep(1.2)

        await consul.restart()
        await wait_until(lambda: passes(consul), within=30, what="our check passes again")

        await wait_until(lambda: was_renewed(registration), within=30, what="we reported")
        assert registration.repairs == {}


async def was_renewed(registration: Registration) -> bool:
    return registration.renewals >= 1


async def passes(consul: Consul) -> bool:
    entry = (await consul.service()).get("engram-n1")
    return entry is not None and entry["Checks"][-1]["Status"] == "passing"


async def test_an_index_that_goes_backwards_is_followed(tmp_path: Path) -> None:
    """A snapshot put back takes records and index to the past: peers stay known, and the watch goes on."""
    async with (
        Consul(tmp_path / "consul", in_memory=False) as consul,
        Maker(consul.addr, service_name="ext", wait=5) as make,
    ):
        await add_external(consul, "192.0.2.1")
        old = (await consul.call("GET", "snapshot")).content
        await add_external(consul, "192.0.2.2")
        source = make.source()
        await until_outcome(source, Outcome.FOUND)

        async with peers_never_missing(source):
            before = (await consul.call("GET", "health/service/ext")).headers["X-Consul-Index"]
            await asyncio.sleep(1.5)
            await consul.call("PUT", "snapshot", content=old)
            after = (await consul.call("GET", "health/service/ext")).headers["X-Consul-Index"]
            await asyncio.sleep(6)
            await add_external(consul, "192.0.2.3")
            await wait_until(lambda: holds(source, "192.0.2.3"), within=40, what="the watch goes on")

        assert int(after) < int(before)


async def add_external(consul: Consul, host: str) -> None:
    """Write a peer into the catalogue that no agent looks after, so that none puts it back."""
    service = {"ID": f"ext-{host}", "Service": "ext", "Tags": ["engram"], "Address": host, "Port": 7946}
    await consul.call("PUT", "catalog/register", json={"Node": "ext", "Address": host, "Service": service})


async def test_a_record_that_a_snapshot_took_back_is_put_right(tmp_path: Path) -> None:
    """The catalogue of yesterday does not have us: within the reading interval it does again."""
    async with Consul(tmp_path / "consul", in_memory=False) as consul, Maker(consul.addr) as make:
        old = (await consul.call("GET", "snapshot")).content
        registration = make.registration(OURS)
        await until_state(registration, RegistrationState.REGISTERED)

        await consul.call("PUT", "snapshot", content=old)
        await wait_until(lambda: is_registered(consul), within=50, what="our record is in the catalogue")

        await until_state(registration, RegistrationState.REGISTERED, within=40)


@pytest.fixture
def proxied(consul: Consul, tmp_path: Path) -> Toxiproxy:
    return Toxiproxy(tmp_path, consul.addr)


async def test_a_half_open_connection_is_given_up(consul: Consul, proxied: Toxiproxy) -> None:
    """No byte comes any more and nobody says so: every call ends at its deadline, and all is as before afterwards."""
    async with proxied, Maker(proxied.addr, timeout=1, wait=1, check="ttl", ttl=6) as make:
        registration, source = make.registration(OURS), make.source(OURS)
        await until_state(registration, RegistrationState.REGISTERED)
        await until_outcome(source, Outcome.FOUND)

        async with peers_never_missing(source):
            await proxied.afflict("timeout", timeout=0)
            await until_state(registration, RegistrationState.LOST, within=30)
            await proxied.heal()
            await until_state(registration, RegistrationState.REGISTERED, within=20)
            await consul.add("engram-p3", Address="192.0.2.3")
            await wait_until(lambda: holds(source, "192.0.2.3"), within=60, what="the watch goes on")

        assert registration.failures.keys() == {"timeout"}


async def test_a_slow_agent_is_still_an_agent(consul: Consul, proxied: Toxiproxy) -> None:
    """With 2 s of latency we register, find the others and leave; the health check says that it is slow."""
    async with proxied, Maker(proxied.addr) as make:
        await proxied.afflict("latency", latency=2000)

        registration, source = make.registration(OURS), make.source(OURS)
        await until_outcome(source, Outcome.FOUND, within=30)
        await until_state(registration, RegistrationState.REGISTERED, within=40)
        check = await make.health_check(OURS).check()
        await registration.aclose()

        assert registration.failures.keys() <= {"timeout"}
        assert check.details["registered"] is True
        assert not await is_registered(consul)
