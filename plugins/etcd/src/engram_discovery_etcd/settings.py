"""The table ``[cluster.etcd]``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  pydantic reads it at run time
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from engram_discovery.provider import Duration, Names, Secret, Table, format_address, parse_address

__all__ = ["EtcdSettings"]

_DEFAULT_PORT = 2379


def _endpoints(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_endpoint, texts)))


def _endpoint(text: str) -> str:
    scheme, separator, rest = text.rpartition("://")
    if separator and scheme not in {"http", "https"}:
        raise ValueError("expected host:port, http://host:port or https://host:port")
    address = parse_address(rest.removesuffix("/"), default_port=_DEFAULT_PORT)
    return scheme + separator + format_address(address)


def _prefix(text: str) -> str:
    bare = text.rstrip("/")
    if not bare or not bare.isprintable():
        raise ValueError("expected the beginning of a key, such as /engram")
    return bare


class EtcdSettings(Table):
    """How etcd is reached, and where in it the nodes are."""

    endpoints: Annotated[Names, AfterValidator(_endpoints)] = Field(
        default=("127.0.0.1:2379",),
        min_length=1,
        description="Members of one etcd cluster: host:port, or https://host:port for TLS.",
    )
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        default="/engram", description="Beginning of our keys; cluster name and node id follow."
    )
    ttl: Duration = Field(
        default=30.0, description="Time after which a node that is silent is gone; etcd may grant more."
    )
    user: str | None = Field(default=None, min_length=1, description="User, if etcd asks for one.")
    password: Secret | None = Field(
        default=None, description="Password of the user; a file is read again at each log-in."
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) that vouch for etcd; default: those of gRPC."
    )
    cert_file: Path | None = Field(default=None, description="Our certificate (PEM), for mutual TLS.")
    key_file: Path | None = Field(default=None, description="Its private key (PEM), not encrypted.")
    server_name: str | None = Field(
        default=None, description="Name that etcd's certificate must bear; default: the endpoint's host."
    )
    timeout: Duration | None = Field(
        default=None, description="Deadline for one call, all endpoints included; at most the host's."
    )

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password must be set together")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file must be set together")
        if len({endpoint.startswith("https://") for endpoint in self.endpoints}) > 1:
            raise ValueError("endpoints must all be https:// or none")
        if not self.tls and (self.ca_file or self.cert_file or self.server_name):
            raise ValueError("ca_file, cert_file and server_name need endpoints that begin with https://")
        return self

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.endpoints[0].startswith("https://")

    @property
    def targets(self) -> tuple[str, ...]:
        """The endpoints as ``host:port``."""
        return tuple(endpoint.rpartition("://")[2] for endpoint in self.endpoints)
