"""TLS and mutual TLS with a real etcd: what works, and what exactly is said of what does not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from plugins.etcd.tests.factories import discoverer, ids, make_context, make_node, registrar
from plugins.etcd.tests.integration.certificates import Certificates, make_certificates
from tests.servers.etcd import Etcd

pytestmark = pytest.mark.server


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


@pytest.fixture
async def mutual(tmp_path: Path, program: Path, certificates: Certificates) -> AsyncIterator[Etcd]:
    """An etcd that asks clients for a certificate."""
    async with Etcd(tmp_path / "mutual", program=program, tls=certificates.mutual) as server:
        yield server


async def failure(*endpoints: str, **settings: object) -> DiscoveryError:
    async with discoverer(*endpoints, context=make_context(), **settings) as source:
        with pytest.raises(DiscoveryError) as caught:
            await source.discover()
    return caught.value


async def test_tls_with_an_authority_of_our_own(
    tmp_path: Path, program: Path, certificates: Certificates
) -> None:
    """Registering and finding works over TLS; without the authority it does not."""
    async with Etcd(tmp_path / "etcd", program=program, tls=certificates.server) as etcd:
        async with (
            registrar(etcd.url, ca_file=certificates.ca) as registry,
            discoverer(etcd.url, ca_file=certificates.ca) as source,
        ):
            await registry.register(make_node())
            answer = await source.discover()
        distrusted = await failure(etcd.url)

    assert ids(answer) == ["n1"]
    assert distrusted.kind is FailureKind.TLS
    assert "not signed by an authority of cluster.etcd.ca_file" in str(distrusted)


async def test_mutual_tls(mutual: Etcd, certificates: Certificates) -> None:
    """A client with a certificate of the authority is let in."""
    async with (
        registrar(mutual.url, **certificates.mine) as registry,
        discoverer(mutual.url, **certificates.mine) as source,
    ):
        await registry.register(make_node())
        answer = await source.discover()

    assert ids(answer) == ["n1"]


async def test_a_name_other_than_the_address_can_be_expected(
    mutual: Etcd, certificates: Certificates
) -> None:
    """server_name replaces the endpoint's host when the certificate is checked."""
    async with discoverer(mutual.url, **certificates.mine, server_name="etcd.test") as source:
        assert await source.discover()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ca_file": "other.pem"}, "its certificate is not signed by an authority of cluster.etcd.ca_file"),
        (
            {"server_name": "elsewhere.test"},
            "its certificate bears another name: see cluster.etcd.server_name",
        ),
        ({"cert_file": None, "key_file": None}, "it refuses our certificate, or wants one"),
        ({"key_file": "server.key"}, "cluster.etcd.cert_file: cannot use"),
        ({"ca_file": "client.key"}, "cluster.etcd.ca_file: cannot use"),
        ({"ca_file": "missing.pem"}, "No such file or directory"),
    ],
)
async def test_what_is_wrong_is_said(
    mutual: Etcd, certificates: Certificates, tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    """Wrong authority, wrong name, no certificate, wrong key, wrong file, no file: each has its own words."""
    paths = {
        key: tmp_path / value if value and key != "server_name" else value for key, value in change.items()
    }

    error = await failure(mutual.url, **{**certificates.mine, **paths})

    assert text in str(error)
    assert error.kind in {FailureKind.TLS, FailureKind.CONFIG}


async def test_one_side_without_tls_is_told(mutual: Etcd, etcd: Etcd) -> None:
    """Both mismatches name the scheme to write."""
    plain_client = await failure(mutual.endpoint)
    plain_server = await failure(f"https://{etcd.endpoint}")

    assert "it may want TLS: try https:// in cluster.etcd.endpoints" in str(plain_client)
    assert "it may not speak TLS: try http:// in cluster.etcd.endpoints" in str(plain_server)


async def test_rotated_certificates_are_read_without_a_restart(
    mutual: Etcd, certificates: Certificates, tmp_path: Path
) -> None:
    """The next connection uses the files as they are then."""
    ca_file = tmp_path / "rotated.pem"
    ca_file.write_bytes(certificates.other_ca.read_bytes())
    async with discoverer(mutual.url, **{**certificates.mine, "ca_file": ca_file}) as source:
        with pytest.raises(DiscoveryError, match="not signed"):
            await source.discover()
        ca_file.write_bytes(certificates.ca.read_bytes())

        assert await source.discover()
