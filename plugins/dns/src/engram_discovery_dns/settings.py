"""The table ``[cluster.dns]``."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from engram_discovery.provider import (
    DEFAULT_GOSSIP_PORT,
    Address,
    Duration,
    FieldKind,
    Names,
    Phrase,
    Port,
    Table,
    format_address,
    parse_address,
    split_list,
)
from engram_discovery_dns.question import parse_service

__all__ = ["DnsSettings", "Family", "nameserver_addresses"]


class Family(StrEnum):
    """Which addresses of a target are used."""

    ANY = "any"
    V4 = "v4"
    V6 = "v6"
    PREFER_V4 = "prefer_v4"
    PREFER_V6 = "prefer_v6"


def _service(text: str) -> str:
    parse_service(text)
    return text


def _nameservers(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(format_address(address) for address in nameserver_addresses(texts))


def nameserver_addresses(texts: tuple[str, ...]) -> tuple[Address, ...]:
    """Parse name servers: IP addresses, with port 53 unless another is given.

    Raises:
        ValueError: One is not an IP address.
    """
    addresses = tuple(parse_address(text, default_port=53) for text in texts)
    for address in addresses:
        try:
            ipaddress.ip_address(address.host.partition("%")[0])
        except ValueError:
            raise ValueError(f"expected IP addresses of name servers, got the name {address.host}") from None
    return addresses


def _split(value: Any) -> Any:
    return split_list(value) if isinstance(value, str) else value


Service = Annotated[str, AfterValidator(_service)]
Nameservers = Annotated[Names, AfterValidator(_nameservers)]
Networks = Annotated[
    tuple[IPv4Network | IPv6Network, ...],
    BeforeValidator(_split),
    Phrase("a list of networks such as 10.0.0.0/8", FieldKind.LIST),
]


class DnsSettings(Table):
    """Discovery by DNS."""

    service: Service = Field(
        description="Name to query, such as engram.default.svc.cluster.local; _name._tcp.domain is queried as "
        "SRV unchanged; dns+host:port, dnssrv+name and dnssrvnoa+name fix the record type."
    )
    port: Port = Field(default=DEFAULT_GOSSIP_PORT, description="Port of the peers where DNS holds none.")
    refresh_interval: Duration = Field(
        default=30.0, description="Longest time between lookups; a shorter TTL is honoured."
    )
    port_name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        description="Name of the port; queries _<port_name>._<protocol>.<service>.",
    )
    protocol: Literal["tcp", "udp"] = Field(default="tcp", description="Protocol of the named port.")
    family: Family = Field(default=Family.ANY, description="Addresses to use of each target.")
    nameservers: Nameservers = Field(
        default=(),
        description="Name servers to query, as address or address:port; default: those of /etc/resolv.conf.",
    )
    timeout: Duration | None = Field(
        default=None,
        description="Deadline for one lookup, all retries included; at most the host's, the default.",
    )
    partial: Literal["keep", "fail"] = Field(
        default="keep",
        description="When some targets cannot be resolved: keep their last addresses, or fail the lookup.",
    )
    allowed_cidrs: Networks = Field(
        default=(),
        description="Networks that peers must be in; addresses elsewhere are dropped. Default: any.",
    )
