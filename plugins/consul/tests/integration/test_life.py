"""The life of a record in a real Consul, and what watchers see of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind, RegistrationError
from engram_discovery.network.address import Address
from engram_discovery.registration.registration import RegistrationState
from engram_discovery.sources.status import Outcome
from engram_discovery.types import CheckStatus, Empty, Found
from plugins.consul.tests.factories import Maker, record
from plugins.consul.tests.integration.waiting import until_outcome, until_state
from tests.servers.consul import Consul
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

OURS = record()


@pytest.fixture
async def make(consul: Consul) -> AsyncIterator[Maker]:
    async with Maker(consul.addr) as maker:
        yield maker


async def test_a_record_says_who_we_are(consul: Consul, make: Maker) -> None:
    """Address, tag, meta and the specified HTTP check are in the catalogue."""
    registrar = make.registrar(OURS)

    lease = await registrar.register(OURS)
    seen = await registrar.verify()

    entry = (await consul.service())["engram-n1"]
    service, check = entry["Service"], entry["Checks"][-1]
    local = (await consul.call("GET", "agent/checks")).json()
    assert (lease.ttl, seen) == (None, True)
    assert (service["Address"], service["Port"], service["Tags"]) == ("127.0.0.1", 7946, ["engram"])
    assert service["Meta"] == {
        "node_id": "n1",
        "generation": "1",
        "cluster": "c",
        "api_port": "50051",
        "version": "0.1.0",
    }
    assert (check["CheckID"], check["Type"], check["Interval"]) == ("service:engram-n1", "http", "10s")
    assert local.keys() == {"service:engram-n1"}


async def test_the_check_follows_no_redirect(consul: Consul) -> None:
    """A check that is answered with a redirect fails; the target, which could be anybody's, is never asked."""
    asked: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).split()[1])
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    node = record(api_port=server.sockets[0].getsockname()[1])
    async with server, Maker(consul.addr, check_interval=1) as make:
        await make.registrar(node).register(node)

        async def checked_twice() -> bool:
            return len(asked) >= 2

        await wait_until(checked_twice, within=20, what="the agent asked twice")
        check = (await consul.call("GET", "agent/checks")).json()["service:engram-n1"]

    assert set(asked) == {b"/health"}
    assert (check["Status"], "302" in check["Output"]) == ("critical", True)


async def test_it_passes_only_when_it_reports(consul: Consul) -> None:
    """A TTL record passes as soon as it is registered, and its renewal is refused once it is gone."""
    async with Maker(consul.addr, check="ttl", ttl=30, tagged_address="wan_ipv4") as make:
        registrar = make.registrar(OURS)

        lease = await registrar.register(OURS)
        assert await registrar.verify()
        status = (await consul.service())["engram-n1"]["Checks"][-1]["Status"]
        await consul.remove("engram-n1")
        with pytest.raises(RegistrationError) as refusal:
            await registrar.renew()

    assert (lease.ttl, status) == (30, "passing")
    assert refusal.value.kind is FailureKind.NOT_FOUND


async def test_removed_is_removed_and_only_ours(consul: Consul, make: Maker) -> None:
    """Deregistering takes our record out of the catalogue at once, leaves others, and may be done twice."""
    await consul.add("engram-other")
    registrar = make.registrar(OURS)
    await registrar.register(OURS)

    await registrar.deregister()
    await registrar.deregister()

    assert (await consul.service()).keys() == {"engram-other"}


async def test_ghosts_of_ours_go_and_a_newer_run_stays(consul: Consul, make: Maker) -> None:
    """What an earlier run left at this agent is removed; a newer run is not displaced, nor removed when we stop."""
    ghost = {"node_id": "n1", "generation": "0", "cluster": "c"}
    await consul.add("old-scheme-n1", Meta=ghost)
    await consul.add("engram-n2", Meta={**ghost, "node_id": "n2"})
    older, newer = make.registrar(OURS), make.registrar(record(generation=2))

    await older.register(OURS)
    after_first = set(await consul.service())
    await newer.register(record(generation=2))
    with pytest.raises(RegistrationError, match="a newer run of node n1"):
        await older.register(OURS)
    seen_by_older = await older.verify()
    await older.deregister()

    assert after_first == {"engram-n1", "engram-n2"}
    assert seen_by_older is False
    assert (await consul.service())["engram-n1"]["Service"]["Meta"]["generation"] == "2"


async def test_a_change_of_address_is_seen(consul: Consul, make: Maker) -> None:
    """A record with another address is not ours any more; registering again moves it."""
    registrar = make.registrar(OURS)
    await registrar.register(OURS)
    moved = record(port=7999)

    await make.registrar(moved).register(moved)
    before = await registrar.verify()
    await registrar.register(moved)

    assert before is False
    assert await registrar.verify() is True


async def test_maintenance_is_respected(consul: Consul, make: Maker) -> None:
    """An operator's maintenance makes us critical; we are still there, do not fight, and watchers do not see us."""
    registration = make.registration(OURS)
    await until_state(registration, RegistrationState.REGISTERED)

    await consul.call("PUT", "agent/service/maintenance/engram-n1?enable=true&reason=test")

    async def maintained() -> bool:
        checks = (await consul.service())["engram-n1"]["Checks"]
        return "Service Maintenance Mode" in {check["Name"] for check in checks}

    await wait_until(maintained, within=10, what="the maintenance is in the catalogue")
    there = await make.client().instance("engram-n1")

    assert there is not None
    assert there.passing is False
    assert registration.repairs == {}


async def test_everybody_is_found_at_a_cold_start_and_only_the_healthy_later(
    consul: Consul, make: Maker
) -> None:
    """While nobody passes all are told; once a peer passed, critical ones are left out, and stay out."""
    critical = {"Check": {"TTL": "10m", "CheckID": "a"}}
    await consul.add("engram-a", Address="192.0.2.1", **critical)
    discoverer = make.discoverer(OURS)

    cold = await discoverer.discover()
    await consul.add("engram-b", Address="192.0.2.2")
    warm = await discoverer.discover()
    await consul.remove("engram-b")
    later = await discoverer.discover()

    assert isinstance(cold, Found)
    assert [str(one) for one in cold.endpoints] == ["192.0.2.1:7946"]
    assert isinstance(warm, Found)
    assert [str(one) for one in warm.endpoints] == ["192.0.2.2:7946"]
    assert later == Empty('service "engram": none of 1 passing')


async def test_nobody_is_empty_and_other_tags_and_clusters_are_nobody(consul: Consul, make: Maker) -> None:
    """An unknown service is Empty, not an error; records of another tag or cluster are not ours to join."""
    await consul.add("engram-tag", Tags=["other"])
    await consul.add("engram-foreign", Meta={"cluster": "another"})

    answer = await make.discoverer(OURS).discover()

    assert isinstance(answer, Empty)
    assert ("consul.other_clusters", {"service": "engram", "count": 1, "cluster": "c"}) in make.log.warnings


async def test_a_list_that_lost_us_is_a_failure(consul: Consul, make: Maker) -> None:
    """Once we were seen, a list without us says that Consul forgot, not that the peers are gone."""
    discoverer = make.discoverer(OURS)
    registrar = make.registrar(OURS)
    await registrar.register(OURS)
    await discoverer.discover()

    await consul.remove("engram-n1")
    with pytest.raises(DiscoveryError, match="own registration missing") as failure:
        await discoverer.discover()
    await registrar.register(OURS)
    again = await discoverer.discover()

    assert failure.value.kind is FailureKind.BAD_DATA
    assert isinstance(again, Found)


async def test_a_watch_tells_changes_and_nothing_else(consul: Consul) -> None:
    """The whole answer at once, each change within a second, and no answer when the wait runs out unchanged."""
    async with Maker(consul.addr, wait=1) as make:
        source = make.source()
        await until_outcome(source, Outcome.EMPTY)
        await consul.add("engram-a", Address="192.0.2.1")
        await until_outcome(source, Outcome.FOUND, within=15)
        rounds = source.status().attempts[Outcome.FOUND]

        await consul.add("other", name="other")
        await make.context.clock.sleep(2.5)

        assert source.status().attempts[Outcome.FOUND] == rounds
        assert source.status().watching


async def test_a_service_that_empties_is_told_twice(consul: Consul, make: Maker) -> None:
    """One empty answer proves nothing, so the watch asks again: the peers go within seconds, not minutes."""
    await consul.add("engram-a")
    source = make.source()
    await until_outcome(source, Outcome.FOUND)

    await consul.remove("engram-a")
    await until_outcome(source, Outcome.EMPTY, within=15)

    async def gone() -> bool:
        return source.snapshot() == ()

    await wait_until(gone, within=15, what="the peers are gone")


async def test_the_health_check_tells_what_is_wrong(consul: Consul, make: Maker) -> None:
    """Missing record: a warning; passing: passing; no agent: critical, with the kind of failure."""
    async with Maker(consul.addr, check="ttl") as ttl:
        check = ttl.health_check(OURS)

        missing = await check.check()
        await ttl.registrar(OURS).register(OURS)
        passing = await check.check()
        consul.kill()
        away = await check.check()

    assert (missing.status, missing.output) == (CheckStatus.WARNING, "our record is not in the catalogue")
    assert passing.status is CheckStatus.PASSING
    assert (away.status, away.details["kind"]) == (CheckStatus.CRITICAL, "refused")


@pytest.mark.parametrize("setting", ["namespace", "partition"])
async def test_what_only_enterprise_has_is_refused_by_name(consul: Consul, setting: str) -> None:
    """The community edition refuses namespaces and partitions: the error says which setting to remove."""
    async with Maker(consul.addr, **{setting: "team"}) as make:
        with pytest.raises(DiscoveryError, match=f"remove cluster.consul.{setting}") as unread:
            await make.discoverer().discover()
        with pytest.raises(RegistrationError, match=f"remove cluster.consul.{setting}") as unmade:
            await make.registrar(OURS).register(OURS)

    assert {unread.value.kind, unmade.value.kind} == {FailureKind.CONFIG}
    assert not unread.value.retryable


async def test_addresses_of_every_kind_are_understood(consul: Consul, make: Maker) -> None:
    """IPv6, names and records without an address of their own; a port that is none is skipped and told of."""
    await consul.add("engram-1", Address="2001:db8::1")
    await consul.add("engram-2", Address="Node2.Example.")
    await consul.add("engram-3", Address="")
    await consul.add("engram-4", port=0)

    answer = await make.discoverer().discover()

    assert isinstance(answer, Found)
    assert {one.address for one in answer.endpoints} == {
        Address("2001:db8::1", 7946),
        Address("node2.example", 7946),
        Address("127.0.0.1", 7946),
    }
    assert ("consul.bad_records", {"service": "engram", "count": 1}) in make.log.warnings
