"""Network addresses as people write them: ``host:port``, ``[v6]:port``, ``[fe80::1%eth0]:7946``.

``parse_address(format_address(a)) == a`` for every address; a property test holds it to that.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

__all__ = [
    "DEFAULT_GOSSIP_PORT",
    "Address",
    "canonical_host",
    "format_address",
    "is_loopback",
    "is_wildcard",
    "parse_address",
]

#: The port that memberlist, Serf and Consul made the custom for gossip.
DEFAULT_GOSSIP_PORT = 7946

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}\Z")
_ADDRESS_6 = re.compile(r"[0-9A-Fa-f:.]+(%.*)?\Z")
_ZONE = re.compile(r"[A-Za-z0-9_.\-]{1,15}\Z")


class Address(NamedTuple):
    """A host (IP address or name, without brackets or trailing dot) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return format_address(self)


def parse_address(text: str, *, default_port: int | None = None, allow_port_zero: bool = False) -> Address:
    """Parse ``host:port``; without a port, use ``default_port`` if there is one.

    Names are lower-cased and lose a trailing dot; IPv6 addresses are compressed, and IPv4-mapped ones become IPv4.

    Raises:
        ValueError: The text is not an address. The message has the reason, without the text.
    """
    if text != text.strip() or not text:
        raise ValueError(
            "expected host:port, got white space around it" if text else "expected host:port, got nothing"
        )
    host, port = _split(text)
    if port is None:
        if default_port is None:
            raise ValueError("expected host:port, the port is missing")
        return Address(canonical_host(host), default_port)
    return Address(canonical_host(host), _port(port, allow_zero=allow_port_zero))


def format_address(address: tuple[str, int]) -> str:
    """Write an address the way ``parse_address`` reads it, with brackets round IPv6."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def canonical_host(host: str) -> str:
    """Give the one spelling of a host by which two endpoints are compared.

    Raises:
        ValueError: The host is neither an IP address nor a host name.
    """
    if _PLAIN_IPV4.match(host):  # canonical already; ``ipaddress`` takes six times as long to find that out
        return host
    bare, _, zone = host.partition("%")
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        return _host_name(host)
    if ip.version == 6 and ip.ipv4_mapped is not None and not zone:
        return str(ip.ipv4_mapped)
    if zone and (ip.version == 4 or not _ZONE.match(zone)):
        raise ValueError("expected an interface name after %, as in fe80::1%eth0")
    return f"{ip}%{zone}" if zone else str(ip)


def is_wildcard(host: str) -> bool:
    """Return whether a host is a wildcard, which means every address of this machine and cannot be contacted."""
    return host in {"0.0.0.0", "::"}  # noqa: S104  it is compared with, never bound


def is_loopback(host: str) -> bool:
    """Return whether a host can only be reached from this machine. Names other than ``localhost`` count as remote."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise ValueError("expected [IPv6]:port, the closing bracket is missing")
        if ":" not in host:
            raise ValueError("expected an IPv6 address between the brackets")
        if rest and not rest.startswith(":"):
            raise ValueError("expected :port after the closing bracket")
        return host, rest[1:] if rest else None
    if text.count(":") > 1:
        if _ADDRESS_6.match(text):
            raise ValueError("an IPv6 address needs brackets: [::1]:7946")
        raise ValueError("expected one address host:port, no list and no URL")
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _port(text: str, *, allow_zero: bool) -> int:
    lowest = 0 if allow_zero else 1
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and lowest <= int(text) <= 65535):
        raise ValueError(f"expected a port {lowest}..65535 after the colon")
    return int(text)


def _host_name(name: str) -> str:
    bare = name.removesuffix(".")
    if not bare or len(bare) > 253:
        raise ValueError("expected a host name of 1 to 253 characters")
    if not bare.isascii():
        try:
            bare = bare.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError("the host name cannot be written as an internationalised name (IDNA)") from None
    labels = bare.split(".")
    if not all(_LABEL.match(label) for label in labels):
        raise ValueError("expected a host name of letters, digits, hyphens and dots")
    if all(label.isdigit() for label in labels):
        raise ValueError("expected four numbers 0..255 in an IPv4 address")
    return bare.lower()
