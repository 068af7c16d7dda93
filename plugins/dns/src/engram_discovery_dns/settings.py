"""The table ``[cluster.dns]``."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from engram_discovery.address import DEFAULT_GOSSIP_PORT, Address, format_address, parse_address
from engram_discovery.settings.values import Duration, Names  # noqa: TC001  pydantic reads them
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
    """Parse name servers: IP addresses, with port 53 unless they say another.

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


class DnsSettings(BaseModel):
    """How peers are found in DNS."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    service: Annotated[str, AfterValidator(_service)] = Field(
        description="Name to look up, as in engram.default.svc.cluster.local; _name._tcp.domain is looked up "
        "as SRV as it stands; dns+host:port, dnssrv+name and dnssrvnoa+name fix the form."
    )
    port: int = Field(
        DEFAULT_GOSSIP_PORT, ge=1, le=65535, description="Port of the peers where DNS does not tell it."
    )
    refresh_interval: Duration = Field(
        30.0, ge=1.0, description="Longest time between look-ups; a shorter TTL is honoured."
    )
    port_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        description="Name of the port; looks up _<port_name>._<protocol>.<service>.",
    )
    protocol: Literal["tcp", "udp"] = Field("tcp", description="Protocol of the named port.")
    family: Family = Field(Family.ANY, description="Addresses to use of each target.")
    nameservers: Annotated[Names, AfterValidator(_nameservers)] = Field(
        (), description="Name servers to ask, as address or address:port; default: those of /etc/resolv.conf."
    )
    timeout: Duration | None = Field(
        None, gt=0, description="Deadline for one look-up, all retries included; default: the host's."
    )
    partial: Literal["keep", "fail"] = Field(
        "keep",
        description="When some targets cannot be looked up: keep their last addresses, or fail the look-up.",
    )
    allowed_cidrs: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks that peers must be in; addresses elsewhere are dropped. Default: any."
    )
