"""Zones as the Kubernetes DNS specification shapes them, served by a real CoreDNS and changed while it runs."""

import random
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from engram_discovery.runtime.clock import SystemClock
from engram_discovery.sources.source import Source
from engram_discovery.types import Empty, Found
from plugins.dns.tests.factories import Log, addresses, make_discoverer
from tests.servers.coredns import CoreDns
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

ZONE = "cluster.local"
SERVICE = "engram.default.svc"


def pod(index: int, *data: str, ports: Iterable[tuple[str, int]] = (("gossip", 7946),)) -> list[str]:
    """Return the records of one pod of a StatefulSet behind a headless Service.

    ``data`` are its addresses. CoreDNS answers the bare name of the Service with SRV records, too.
    """
    name = f"engram-{index}.{SERVICE}"
    kinds = [("AAAA" if ":" in address else "A", address) for address in data]
    hosts = [f"{owner} {kind} {address}" for kind, address in kinds for owner in (SERVICE, name)]
    srv = [f"{SERVICE} SRV 0 33 {port} {name}" for _, port in ports]
    return [*hosts, *srv, *(f"_{label}._tcp.{SERVICE} SRV 0 33 {port} {name}" for label, port in ports)]


@pytest.fixture
async def dns(tmp_path: Path) -> AsyncIterator[CoreDns]:
    async with CoreDns(tmp_path, {ZONE: []}) as server:
        yield server


NAME = f"{SERVICE}.{ZONE}"


@pytest.mark.parametrize("settings", [{"service": NAME}, {"service": NAME, "port_name": "gossip"}])
async def test_a_stateful_set_behind_a_headless_service(dns: CoreDns, settings: dict[str, Any]) -> None:
    """Its pods are found under the bare name and under the named port, with their stable host names."""
    await dns.set_zone(ZONE, [*pod(0, "10.244.0.7"), *pod(1, "10.244.1.9"), *pod(2, "10.244.2.3")])

    answer = await make_discoverer(dns.address, **settings).discover()

    assert isinstance(answer, Found)
    assert sorted(addresses(answer)) == ["10.244.0.7:7946", "10.244.1.9:7946", "10.244.2.3:7946"]
    assert {endpoint.meta["target"] for endpoint in answer.endpoints} == {
        f"engram-{index}.{NAME}" for index in range(3)
    }
    assert answer.ttl == 5


async def test_a_service_with_two_ports(dns: CoreDns) -> None:
    """Each pod is found once, at the port of the settings."""
    ports = (("gossip", 7946), ("api", 50051))
    await dns.set_zone(ZONE, [*pod(0, "10.244.0.7", ports=ports), *pod(1, "10.244.1.9", ports=ports)])

    gossip = await make_discoverer(dns.address, service=NAME).discover()
    api = await make_discoverer(dns.address, service=NAME, port_name="api").discover()

    assert sorted(addresses(gossip)) == ["10.244.0.7:7946", "10.244.1.9:7946"]
    assert sorted(addresses(api)) == ["10.244.0.7:50051", "10.244.1.9:50051"]


async def test_a_service_without_named_port(dns: CoreDns) -> None:
    """The specification gives it no SRV records: its addresses are used with the port of the settings."""
    await dns.set_zone(ZONE, pod(0, "10.244.0.7", ports=()))

    answer = await make_discoverer(dns.address, service=NAME).discover()

    assert isinstance(answer, Found)
    assert addresses(answer) == ["10.244.0.7:7946"]
    assert answer.detail.startswith(f"A/AAAA {NAME}")


async def test_pods_that_are_not_ready(dns: CoreDns) -> None:
    """Nobody is listed, the remedy is named; once not-ready pods are published, they are found."""
    discoverer = make_discoverer(dns.address, service=NAME)

    before = await discoverer.discover()
    await dns.set_zone(ZONE, pod(0, "10.244.0.7"))
    after = await discoverer.discover()

    assert isinstance(before, Empty)
    assert before.reason.startswith("NXDOMAIN")
    assert "publishNotReadyAddresses: true" in before.reason
    assert addresses(after) == ["10.244.0.7:7946"]


async def test_dual_stack_and_ipv6_only(dns: CoreDns) -> None:
    """Both addresses of a dual-stack pod are endpoints; IPv6 alone works as well."""
    await dns.set_zone(ZONE, [*pod(0, "10.244.0.7", "fd00:10:244::7"), *pod(1, "fd00:10:244::9")])

    answer = await make_discoverer(dns.address, service=NAME).discover()

    assert sorted(addresses(answer)) == ["10.244.0.7:7946", "[fd00:10:244::7]:7946", "[fd00:10:244::9]:7946"]


async def test_a_name_server_on_ipv6(tmp_path: Path) -> None:
    """An IPv6-only host reaches its name server and gets AAAA records."""
    async with CoreDns(tmp_path, {ZONE: pod(0, "fd00:10:244::7")}, host="::1") as dns:
        answer = await make_discoverer(dns.address, service=NAME).discover()

    assert addresses(answer) == ["[fd00:10:244::7]:7946"]


async def test_short_names_are_completed_by_the_search_list(dns: CoreDns, tmp_path: Path) -> None:
    """``engram`` is found in its namespace, as ``ndots:5`` and the search list of a pod have it."""
    await dns.set_zone(ZONE, pod(0, "10.244.0.7"))
    search = tmp_path / "resolv.conf"
    search.write_text("search default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
    discoverer = make_discoverer(dns.address, service="engram", resolv_conf=search)

    answer = await discoverer.discover()

    assert isinstance(answer, Found)
    assert addresses(answer) == ["10.244.0.7:7946"]
    assert answer.detail.startswith(f"SRV {NAME}")


async def test_pods_appear_and_disappear_within_one_ttl(dns: CoreDns) -> None:
    """A source that is left alone follows the zone: a change is seen after one TTL and its jitter."""
    await dns.set_zone(ZONE, ["$TTL 1", *pod(0, "10.244.0.7")])
    source = Source(
        "dns",
        make_discoverer(dns.address, service=NAME),
        clock=SystemClock(),
        logger=Log(),
        random=random.Random(1),
    )

    async def follows(*expected: str) -> None:
        async def seen() -> bool:
            return {endpoint.host for endpoint in source.snapshot()} == set(expected)

        await wait_until(seen, within=1.1 + 0.5, what=f"{expected} seen")

    source.start()
    try:
        await follows("10.244.0.7")
        await dns.set_zone(ZONE, ["$TTL 1", *pod(0, "10.244.0.7"), *pod(1, "10.244.1.9")])
        await follows("10.244.0.7", "10.244.1.9")
        await dns.set_zone(ZONE, ["$TTL 1", *pod(1, "10.244.1.9")])
        await follows("10.244.1.9")
    finally:
        await source.aclose()
