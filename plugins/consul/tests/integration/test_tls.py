"""Mutual TLS with a real Consul, and everything that can be wrong with certificates."""

import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.types import Empty
from plugins.consul.tests.factories import Maker
from tests.servers.consul import Consul, tls_configuration

pytestmark = pytest.mark.server


class Files:
    """Certificates of one authority, as files."""

    def __init__(self, directory: Path, expires: dt.datetime | None = None) -> None:
        directory.mkdir()
        authority = trustme.CA()
        self.ca, self.client = directory / "ca.pem", directory / "client.pem"
        self.certificate, self.key = directory / "server.pem", directory / "server.key"
        authority.cert_pem.write_to_path(self.ca)
        server = authority.issue_cert("127.0.0.1", "server.dc1.consul", not_after=expires)
        server.private_key_pem.write_to_path(self.key)
        for pem in server.cert_chain_pems:
            pem.write_to_path(self.certificate, append=True)
        authority.issue_cert("node.example").private_key_and_cert_chain_pem.write_to_path(self.client)

    def operator(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.client)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def agent(directory: Path, files: Files) -> Consul:
    configuration = tls_configuration(files.ca, files.certificate, files.key)
    return Consul(directory / "consul", configuration=configuration, client_tls=files.operator())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "tls")


@pytest.fixture
async def consul(tmp_path: Path, files: Files) -> AsyncIterator[Consul]:
    async with agent(tmp_path, files) as server:
        yield server


async def refusal(addr: str, **settings: object) -> DiscoveryError:
    async with Maker(addr, scheme="https", **settings) as make:
        with pytest.raises(DiscoveryError) as failure:
            await make.discoverer().discover()
        return failure.value


async def test_mutual_tls_works(consul: Consul, files: Files) -> None:
    """With the authority and our own certificate the agent answers, by its address and by the name we say."""
    tls = {"scheme": "https", "ca_file": files.ca, "cert_file": files.client}

    async with (
        Maker(consul.addr, **tls) as make,
        Maker(consul.addr, **tls, server_name="server.dc1.consul") as named,
    ):
        answers = [await one.discoverer().discover() for one in (make, named)]

    assert all(isinstance(answer, Empty) for answer in answers)


async def test_each_wrong_certificate_is_named(consul: Consul, files: Files, tmp_path: Path) -> None:
    """Wrong authority, wrong name, no certificate of ours: which of them, of kind tls, and never plain HTTP instead."""
    other = Files(tmp_path / "other")

    wrong_ca = await refusal(consul.addr, ca_file=other.ca, cert_file=files.client)
    wrong_name = await refusal(
        consul.addr, ca_file=files.ca, cert_file=files.client, server_name="else.example"
    )
    no_certificate = await refusal(consul.addr, ca_file=files.ca)
    foreign = await refusal(consul.addr, ca_file=files.ca, cert_file=other.client)

    assert "unable to get local issuer certificate" in str(wrong_ca)
    assert "Hostname mismatch, certificate is not valid for 'else.example'" in str(wrong_name)
    assert "the agent refuses our certificate (tlsv13 alert certificate required)" in str(no_certificate)
    assert "the agent refuses our certificate" in str(foreign)
    failures = [wrong_ca, wrong_name, no_certificate, foreign]
    assert {(one.kind, one.retryable) for one in failures} == {(FailureKind.TLS, False)}


async def test_an_expired_certificate_is_named(tmp_path: Path) -> None:
    """The agent's certificate ran out yesterday."""
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    files = Files(tmp_path / "tls", expires=yesterday)
    async with agent(tmp_path, files) as consul:
        failure = await refusal(consul.addr, ca_file=files.ca, cert_file=files.client)

    assert "certificate has expired" in str(failure)


async def test_files_that_are_none_are_named(consul: Consul, files: Files, tmp_path: Path) -> None:
    """A missing or useless file is told by its setting and path, and what it holds is not."""
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("canary")

    missing = await refusal(consul.addr, ca_file=tmp_path / "none.pem")
    useless = await refusal(consul.addr, ca_file=files.ca, cert_file=nonsense)

    assert f"cluster.consul.ca_file: {tmp_path}/none.pem: no such file or directory" in str(missing)
    assert f"{nonsense}" in str(useless)
    assert "canary" not in str(useless)
    assert {missing.kind, useless.kind} == {FailureKind.CONFIG}


async def test_a_rotated_authority_is_taken_up(consul: Consul, files: Files, tmp_path: Path) -> None:
    """The file of authorities is replaced while we run: the next call trusts the new one."""
    other = Files(tmp_path / "other")
    in_use = tmp_path / "in-use.pem"
    in_use.write_bytes(other.ca.read_bytes())
    tls = {"scheme": "https", "ca_file": in_use, "cert_file": files.client}
    async with Maker(consul.addr, **tls) as make:
        discoverer = make.discoverer()
        with pytest.raises(DiscoveryError, match="TLS"):
            await discoverer.discover()

        (tmp_path / "new.pem").write_bytes(files.ca.read_bytes())
        (tmp_path / "new.pem").rename(in_use)
        answer = await discoverer.discover()

    assert isinstance(answer, Empty)


async def test_an_agent_without_tls_is_named(tmp_path: Path) -> None:
    """``scheme = "https"`` at a plain port says so."""
    async with Consul(tmp_path / "plain") as plain:
        failure = await refusal(plain.addr)

    assert failure.kind is FailureKind.TLS
    assert "the agent does not speak TLS at this port" in str(failure)
