"""The table ``[cluster.consul]``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  pydantic reads it at run time
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from engram_discovery.provider import (
    Duration,
    Phrase,
    Secret,
    Table,
    expect_text,
    format_address,
    format_duration,
    parse_address,
)

__all__ = ["ConsulSettings"]

_DEFAULT_PORT = 8500
_NAME = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?$"
_TAG = r"^[\x21-\x7e]{1,128}$"
_TLS_KEYS = ("ca_file", "cert_file", "key_file", "server_name")


def _agent(value: Any) -> str:
    text = expect_text(value, 'an address such as "127.0.0.1:8500"')
    if "://" in text:
        raise ValueError('expected host:port; write scheme = "https" beside it for TLS')
    return format_address(parse_address(text, default_port=_DEFAULT_PORT))


def _within(lowest: float, highest: float) -> AfterValidator:
    def check(seconds: float) -> float:
        if not lowest <= seconds <= highest:
            raise ValueError(f"expected {format_duration(lowest)} to {format_duration(highest)}")
        return seconds

    return AfterValidator(check)


AgentAddress = Annotated[str, BeforeValidator(_agent), Phrase("an address host:port")]


class ConsulSettings(Table):
    """Discovery and registration by Consul."""

    addr: AgentAddress = Field(
        default="127.0.0.1:8500", description="HTTP address of the agent, the one on this machine at best."
    )
    service_name: str = Field(default="engram", pattern=_NAME, description="Service that the nodes form.")
    tag: str | None = Field(
        default="engram", pattern=_TAG, description="Tag that records of peers carry; ours gets it too."
    )
    token: Secret | None = Field(default=None, description="ACL token; as a file it can be rotated.")
    scheme: Literal["http", "https"] = Field(default="http", description="Whether to use TLS.")
    ca_file: Path | None = Field(
        default=None, description="Certificates that the agent's is checked against; default: the system's."
    )
    cert_file: Path | None = Field(
        default=None, description="Our certificate, for an agent that asks for one."
    )
    key_file: Path | None = Field(
        default=None, description="Key of our certificate; default: it is in cert_file."
    )
    verify: bool = Field(default=True, description="Whether to check the agent's certificate.")
    server_name: str | None = Field(
        default=None, description="Name in the agent's certificate, if not that of addr."
    )
    datacenter: str | None = Field(
        default=None, pattern=_NAME, description="Datacenter of the peers; default: the agent's."
    )
    namespace: str | None = Field(
        default=None, pattern=_NAME, description="Namespace of the service (Enterprise)."
    )
    partition: str | None = Field(
        default=None, pattern=_NAME, description="Admin partition of the service (Enterprise)."
    )
    only_passing: bool = Field(
        default=True, description="Whether a peer's checks must pass, once any peer has passed."
    )
    tagged_address: str | None = Field(
        default=None,
        pattern=_NAME,
        description="Tagged address of a peer to use where it has one: wan, lan …",
    )
    wait: Annotated[Duration, _within(1, 600)] = Field(
        default=300.0, description="How long the agent holds a query that waits for a change."
    )
    check: Literal["http", "ttl"] = Field(
        default="http", description="Whether the agent asks our /health, or we report to it."
    )
    check_interval: Annotated[Duration, _within(1, 3600)] = Field(
        default=10.0, description="Time between two HTTP checks."
    )
    check_timeout: Duration = Field(default=5.0, description="Deadline of an HTTP check.")
    ttl: Annotated[Duration, _within(3, 3600)] = Field(
        default=30.0, description="Silence after which a TTL check is critical; we report every third."
    )
    deregister_after: Annotated[Duration, _within(60, 30 * 86400)] = Field(
        default=600.0, description="How long we may be critical before Consul removes our record."
    )

    @model_validator(mode="after")
    def _tls_is_meant(self) -> Self:
        """Refuse certificates that would silently not be used."""
        if self.scheme == "http":
            for key in _TLS_KEYS:
                if getattr(self, key) is not None:
                    raise ValueError(f'{key} has no effect without scheme = "https"')
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file has no effect without cert_file")
        return self
