"""A real CoreDNS is frozen, killed and started again under a source that is left alone."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engram_discovery.errors import FailureKind
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.sources.source import Source
from engram_discovery.sources.status import Outcome
from plugins.dns.tests.factories import Log, make_discoverer
from tests.servers.coredns import CoreDns
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

ZONE = "engram.test"
RECORDS = [
    "$TTL 1",
    *(f"_g._tcp SRV 0 0 7946 n{i}" for i in (1, 2, 3)),
    *(f"n{i} A 10.0.0.{i}" for i in (1, 2, 3)),
]
PEERS = {f"10.0.0.{i}" for i in (1, 2, 3)}


@pytest.fixture
async def dns(tmp_path: Path) -> AsyncIterator[CoreDns]:
    async with CoreDns(tmp_path, {ZONE: RECORDS}) as server:
        yield server


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
async def source(dns: CoreDns, log: Log) -> AsyncIterator[Source]:
    source = Source(
        "dns",
        make_discoverer(dns.address, service=f"_g._tcp.{ZONE}.", timeout=0.6),
        clock=SystemClock(),
        logger=log,
        random=random.Random(1),
        timeout=0.6,
    )
    source.start()
    await until(source, Outcome.FOUND)
    yield source
    await source.aclose()


async def until(source: Source, outcome: Outcome) -> None:
    async def reached() -> bool:
        return source.status().outcome is outcome

    await wait_until(reached, within=8, what=f"the source is {outcome}")


def peers(source: Source) -> set[str]:
    return {endpoint.host for endpoint in source.snapshot()}


async def test_a_frozen_server_changes_nothing(dns: CoreDns, source: Source, log: Log) -> None:
    """The peers are kept, the source is stale, and the recovery is told once when the server thaws."""
    dns.pause()
    await until(source, Outcome.FAILED)
    frozen = source.status()
    dns.resume()
    await until(source, Outcome.FOUND)

    assert frozen.error_kind is FailureKind.TIMEOUT
    assert frozen.stale_for is not None
    assert frozen.count == 3
    assert peers(source) == PEERS
    assert source.status().stale_for is None
    assert log.all_events.count("discovery.recovered") == 1


async def test_a_killed_server_changes_nothing(dns: CoreDns, source: Source, log: Log) -> None:
    """A closed port is a refusal; when the server is back, its news are taken."""
    dns.kill()
    await until(source, Outcome.FAILED)
    dead = source.status()
    kept = peers(source)
    await dns.start()
    await dns.set_zone(ZONE, [*RECORDS, "_g._tcp SRV 0 0 7946 n4", "n4 A 10.0.0.4"])
    await until(source, Outcome.FOUND)

    assert dead.error_kind is FailureKind.REFUSED
    assert kept == PEERS

    async def news() -> bool:
        return peers(source) == PEERS | {"10.0.0.4"}

    await wait_until(news, within=3, what="the fourth peer seen")
    assert log.all_events.count("discovery.recovered") == 1


async def test_an_emptied_zone_needs_two_answers(dns: CoreDns, source: Source) -> None:
    """One NXDOMAIN drops nobody, the second in a row does."""
    await dns.set_zone(ZONE, ["$TTL 1"])

    await until(source, Outcome.EMPTY)
    after_one = peers(source)

    async def dropped() -> bool:
        return not peers(source)

    await wait_until(dropped, within=8, what="the peers dropped")
    assert after_one == PEERS
    assert source.status().attempts["empty"] >= 2
