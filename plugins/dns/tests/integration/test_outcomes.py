"""The outcome of everything that can be in a zone, or be done to a server, with a real CoreDNS."""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.sources.source import Source
from engram_discovery.types import Empty, Found
from plugins.dns.tests.factories import Log, addresses, make_discoverer
from tests.servers.bind import Bind
from tests.servers.coredns import CoreDns
from tests.servers.process import free_port

pytestmark = pytest.mark.server

ZONE = "engram.test"
RECORDS = [
    "_good._tcp SRV 0 0 7946 n1",
    "_good._tcp SRV 0 0 7946 n2",
    "n1 A 10.0.0.1",
    "n2 A 10.0.0.2",
    "sub.empty TXT x",
    "text TXT x",
    "_none._tcp SRV 0 0 7946 gone",
    "_some._tcp SRV 0 0 7946 n1",
    "_some._tcp SRV 0 0 7946 gone",
    "_dot._tcp SRV 0 0 0 .",
    "_zero._tcp SRV 0 0 0 n1",
    "loop1 CNAME loop2",
    "loop2 CNAME loop1",
    "alias CNAME _good._tcp",
    "dangling CNAME gone",
    "_far._tcp SRV 0 0 7946 n1.broken.test.",
    "_far._tcp SRV 0 0 7946 n1",
    *(f"many A 10.1.0.{i}" for i in range(1, 81)),
    "_hostile._tcp SRV 0 0 7946 hostile",
    "hostile A 0.0.0.0",
    "hostile A 224.0.0.1",
    "hostile A 255.255.255.255",
    "hostile A 169.254.169.254",
    "hostile A 10.0.0.9",
]
BROKEN = """
broken.test:{port} {
    bind {host}
    template ANY ANY {
        rcode SERVFAIL
    }
}
erratic.test:{port} {
    bind {host}
    erratic {
        drop 3
        delay 2 200ms
        truncate 0
    }
}
"""


@pytest.fixture
async def dns(tmp_path: Path) -> AsyncIterator[CoreDns]:
    async with CoreDns(tmp_path, {ZONE: RECORDS}, extra=BROKEN) as server:
        yield server


@pytest.fixture(params=["coredns", "bind"])
async def either(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[CoreDns | Bind]:
    """Serve the zone from CoreDNS, then from BIND: the outcomes are the same."""
    if request.param == "bind":
        async with Bind(tmp_path, {ZONE: RECORDS}, broken=["broken.test"]) as bind:
            yield bind
    else:
        async with CoreDns(tmp_path, {ZONE: RECORDS}, extra=BROKEN) as coredns:
            yield coredns


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("_good._tcp", {"10.0.0.1:7946", "10.0.0.2:7946"}),
        ("dnssrv+alias", {"10.0.0.1:7946", "10.0.0.2:7946"}),
        ("_some._tcp", {"10.0.0.1:7946"}),
        ("dns+n1", {"10.0.0.1:7946"}),
        ("n1", {"10.0.0.1:7946"}),
        ("dns+many", {f"10.1.0.{i}:7946" for i in range(1, 81)}),
    ],
)
async def test_found(either: CoreDns | Bind, service: str, expected: set[str]) -> None:
    """Records, aliases, targets of which one is gone, plain addresses, and more than fit into a datagram."""
    answer = await make_discoverer(either.address, service=f"{service}.{ZONE}.").discover()

    assert isinstance(answer, Found)
    assert set(addresses(answer)) == expected
    assert answer.complete


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ("_missing._tcp", "NXDOMAIN"),
        ("missing", "NXDOMAIN"),
        ("empty", "NODATA"),
        ("text", "NODATA"),
        ("dns+text", "NODATA"),
        ("dns+dangling", "N"),
        ("_none._tcp", "no target of SRV"),
        ("_dot._tcp", "not offered"),
    ],
)
async def test_empty(either: CoreDns | Bind, service: str, reason: str) -> None:
    """The server says with authority that there is nobody."""
    answer = await make_discoverer(either.address, service=f"{service}.{ZONE}.").discover()

    assert isinstance(answer, Empty)
    assert reason in answer.reason


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("_g._tcp.broken.test.", FailureKind.DNS_FAILURE, "SERVFAIL"),
        ("_g._tcp.not-served.test.", FailureKind.REFUSED, "REFUSED"),
        (f"dns+loop1.{ZONE}.", FailureKind.BAD_DATA, "a loop"),
        (f"_zero._tcp.{ZONE}.", FailureKind.BAD_DATA, "port 0"),
    ],
)
async def test_failed(either: CoreDns | Bind, name: str, kind: FailureKind, words: str) -> None:
    """An error of the server, or nonsense in the zone, is never an empty answer."""
    with pytest.raises(DiscoveryError, match=words) as caught:
        await make_discoverer(either.address, service=name).discover()

    assert caught.value.kind is kind


async def test_a_target_in_a_broken_zone_makes_the_answer_partial(either: CoreDns | Bind) -> None:
    """One target answers SERVFAIL, the other is found."""
    answer = await make_discoverer(either.address, service=f"_far._tcp.{ZONE}.").discover()

    assert isinstance(answer, Found)
    assert addresses(answer) == ["10.0.0.1:7946"]
    assert not answer.complete


async def test_hostile_addresses_reach_nobody(dns: CoreDns) -> None:
    """Wildcards, multicast, broadcast and the metadata service are dropped and counted by the host."""
    source = Source(
        "dns",
        make_discoverer(dns.address, service=f"_hostile._tcp.{ZONE}."),
        clock=SystemClock(),
        logger=Log(),
        random=random.Random(1),
    )

    await source.refresh()
    await source.aclose()

    assert [str(endpoint) for endpoint in source.snapshot()] == ["10.0.0.9:7946"]
    assert sum(source.status().rejected.values()) == 4


def large_zone(count: int) -> list[str]:
    srv = [f"_g._tcp SRV 0 0 7946 n{i}" for i in range(count)]
    return [*srv, *(f"n{i} A 10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(count))]


async def test_a_thousand_endpoints_over_tcp(dns: CoreDns) -> None:
    """All are found, and between two turns of the event loop less than 50 ms of work is done."""
    await dns.set_zone(ZONE, large_zone(1000))
    discoverer = make_discoverer(dns.address, service=f"_g._tcp.{ZONE}.")
    answer = await discoverer.discover()
    work: list[float] = []

    async def heartbeat() -> None:
        while True:
            before = time.thread_time()  # not of the clock on the wall: others work on this machine too
            await asyncio.sleep(0.001)
            work.append(time.thread_time() - before)

    beating = asyncio.create_task(heartbeat())
    for _ in range(5):
        answer = await discoverer.discover()
    beating.cancel()

    assert isinstance(answer, Found)
    assert len(set(addresses(answer))) == 1000
    assert statistics.median(sorted(work)[-5:]) < 0.050


async def test_more_than_fits_into_a_dns_message_is_a_failure(dns: CoreDns) -> None:
    """2,500 records are cut off at 64 KiB: the part that came is never taken for all."""
    await dns.set_zone(ZONE, large_zone(2500))

    with pytest.raises(DiscoveryError, match="64 KiB") as caught:
        await make_discoverer(dns.address, service=f"_g._tcp.{ZONE}.").discover()

    assert caught.value.kind is FailureKind.BAD_DATA


async def test_a_server_that_adds_no_addresses(tmp_path: Path) -> None:
    """Without additional section the targets are looked up, all of them under one deadline."""
    async with CoreDns(tmp_path, {ZONE: large_zone(200)}, options="minimal") as dns:
        answer = await make_discoverer(dns.address, service=f"_g._tcp.{ZONE}.").discover()

    assert isinstance(answer, Found)
    assert len(set(addresses(answer))) == 200
    assert answer.complete


async def test_a_server_that_drops_and_delays(dns: CoreDns) -> None:
    """Every third question is dropped, every second delayed: retries succeed within the deadline."""
    for _ in range(3):
        answer = await make_discoverer(dns.address, service="dns+erratic.test.", timeout=5.0).discover()

        assert isinstance(answer, Found)
        assert "192.0.2.53:7946" in addresses(answer)
        assert answer.complete


async def test_a_dead_server_beside_a_good_one(dns: CoreDns) -> None:
    """The good one answers, at once if the other's port is closed."""
    discoverer = make_discoverer(f"127.0.0.1:{free_port()}", dns.address, service=f"_good._tcp.{ZONE}.")
    started = time.monotonic()

    answer = await discoverer.discover()

    assert len(addresses(answer)) == 2
    assert time.monotonic() - started < 0.5


async def test_a_lame_server_beside_a_good_one(dns: CoreDns, tmp_path: Path) -> None:
    """A server that does not serve the zone is passed over: REFUSED is not an answer."""
    other = tmp_path / "other"
    other.mkdir()
    async with CoreDns(other, {"other.test": []}) as lame:
        discoverer = make_discoverer(lame.address, dns.address, service=f"_good._tcp.{ZONE}.")

        answer = await discoverer.discover()

    assert len(addresses(answer)) == 2
