"""One endpoint, a name, with several addresses behind it: each is a member of its own."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from plugins.etcd.tests.factories import (
    Log,
    discoverer,
    etcd_client,
    ids,
    make_context,
    make_source,
    put_when_served,
    until_watching,
)
from plugins.etcd.tests.integration.certificates import make_certificates
from tests.servers.etcd import Etcd, cluster
from tests.servers.process import free_port

pytestmark = pytest.mark.server

NAME = "etcd.test"
PEER = b'{"Op":0,"Addr":"10.0.0.%d:7946"}'


class Names:
    """What the system's resolver says of names that end in the test's; of others it says what is so."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self._really = socket.getaddrinfo

    def getaddrinfo(self, host: str, port: int, **options: Any) -> list[Any]:
        if not host.endswith(NAME):
            return self._really(host, port, **options)
        if not self.hosts:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.hosts]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


@pytest.fixture
async def members(tmp_path: Path, program: Path) -> AsyncIterator[list[Etcd]]:
    """Three members at 127.0.0.1, 127.0.0.2 and 127.0.0.3, on one port."""
    async with cluster(tmp_path, program=program, port=free_port()) as servers:
        yield servers


async def test_every_address_behind_a_name_is_tried(etcd: Etcd, names: Names) -> None:
    """One address refuses, one is a black hole: the third serves."""
    names.hosts = ["127.0.0.3", "127.0.0.2", "127.0.0.1"]
    with socket.create_server(("127.0.0.2", etcd.port)):
        async with discoverer(f"{NAME}:{etcd.port}") as source:
            answer = await source.discover()

    assert ids(answer) == []


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_a_member_behind_a_name_fails_and_another_serves(
    members: list[Etcd], names: Names, fault: str
) -> None:
    """The watch goes on at another address of the same name, without waiting for the name to change."""
    names.hosts = [member.host for member in members]
    source = make_source(Log(), f"{NAME}:{members[0].port}")
    source.start()
    await until_watching(source, 0)

    getattr(members[0], fault)()
    async with etcd_client(members[1].endpoint, members[2].endpoint) as client:
        await put_when_served(client, "/engram/c/n1", PEER % 1)
        await until_watching(source, 1)
    await source.aclose()


async def test_addresses_survive_an_outage_of_the_resolver(etcd: Etcd, names: Names) -> None:
    """A name that cannot be looked up keeps the addresses it had; one that never could says so."""
    endpoint = f"{NAME}:{etcd.port}"
    async with discoverer(endpoint, context=make_context(timeout=2)) as source:
        with pytest.raises(DiscoveryError, match="its name cannot be resolved: Temporary failure") as unknown:
            await source.discover()
        names.hosts = ["127.0.0.1"]
        await source.discover()
        names.hosts = []
        await etcd.restart()

        again = await source.discover()

    assert unknown.value.kind is FailureKind.DNS_FAILURE
    assert ids(again) == []


async def test_a_name_that_moves_is_followed(members: list[Etcd], names: Names) -> None:
    """The next connection goes to the addresses that the name has then."""
    names.hosts = ["127.0.0.1"]
    async with discoverer(f"{NAME}:{members[0].port}") as source:
        await source.discover()
        names.hosts = ["127.0.0.2"]
        members[0].kill()
        async with etcd_client(members[1].endpoint) as client:
            await put_when_served(client, "/engram/c/n1", PEER % 1)

        assert ids(await source.discover()) == ["n1"]


async def test_the_certificate_must_bear_the_name(tmp_path: Path, program: Path, names: Names) -> None:
    """Over TLS the name is what is checked, not the address behind it, which this certificate bears as well."""
    names.hosts = ["127.0.0.1"]
    certificates = make_certificates(tmp_path)
    async with (
        Etcd(tmp_path / "etcd", program=program, tls=certificates.server) as etcd,
        discoverer(f"https://{NAME}:{etcd.port}", ca_file=certificates.ca) as right,
        discoverer(f"https://other.{NAME}:{etcd.port}", ca_file=certificates.ca) as wrong,
    ):
        answer = await right.discover()
        with pytest.raises(DiscoveryError, match="its certificate bears another name"):
            await wrong.discover()

    assert ids(answer) == []
