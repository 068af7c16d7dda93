"""Certificates made for one test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

from tests.servers.etcd import Tls

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, a member's certificate for 127.0.0.1 and etcd.test, a client's, and an authority of non_members."""

    ca: Path
    server: Tls
    mutual: Tls
    client: Path
    client_key: Path
    other_ca: Path

    @property
    def mine(self) -> dict[str, Path]:
        """Return the settings of a client that etcd accepts."""
        return {"ca_file": self.ca, "cert_file": self.client, "key_file": self.client_key}

    @property
    def etcdctl(self) -> list[str]:
        """Return the flags of an etcdctl that etcd accepts."""
        return [f"--cacert={self.ca}", f"--cert={self.client}", f"--key={self.client_key}"]


def make_certificates(folder: Path, common_name: str = "engram") -> Certificates:
    """Make them; the client's bears ``common_name``."""
    ca = trustme.CA()
    server, key = _write(folder, "server", ca.issue_cert("127.0.0.1", "etcd.test"))
    client, client_key = _write(folder, "client", ca.issue_cert("client.test", common_name=common_name))
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
    ca_file = folder / "ca.pem"
    return Certificates(
        ca_file, Tls(server, key), Tls(server, key, ca_file), client, client_key, folder / "other.pem"
    )


def _write(folder: Path, name: str, certificate: trustme.LeafCert) -> tuple[Path, Path]:
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    return chain, key
