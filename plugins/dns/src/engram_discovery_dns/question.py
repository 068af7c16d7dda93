"""What to query: a name, and which records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engram_discovery.provider import Address, canonical_host, parse_address

if TYPE_CHECKING:
    from engram_discovery_dns.settings import DnsSettings

__all__ = ["QueryMode", "Question", "parse_service", "question_for"]


class QueryMode(StrEnum):
    """Which records are queried."""

    AUTO = "auto"
    """SRV, and A and AAAA if there is no SRV."""
    SRV = "srv"
    SRV_NAMES = "srv_names"
    """SRV; its targets are passed on as names and resolved when they are contacted."""
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        name: Name to query; absolute if it ends with a dot, else the search list applies.
        mode: The records to query.
        port: Port where the answer holds none; among several ports of a target, the one to keep.
    """

    name: str
    mode: QueryMode
    port: int


_SHORTHANDS = {"dns": QueryMode.ADDRESS, "dnssrv": QueryMode.SRV, "dnssrvnoa": QueryMode.SRV_NAMES}


def parse_service(service: str) -> tuple[QueryMode, Address]:
    """Parse the setting ``service``: a name, or a shorthand as in Thanos, such as ``dns+host:port``.

    Returns:
        The mode, and name and port; port 0 where none is given.

    Raises:
        ValueError: It is neither a host name nor a shorthand of one.
    """
    prefix, plus, rest = service.partition("+")
    if plus and prefix not in _SHORTHANDS:
        raise ValueError(f"expected dns+, dnssrv+ or dnssrvnoa+ before the name, got {prefix}+")
    if not plus:
        return (QueryMode.SRV if service.startswith("_") else QueryMode.AUTO), Address(_name(service), 0)
    mode = _SHORTHANDS[prefix]
    if mode is not QueryMode.ADDRESS:
        return mode, Address(_name(rest), 0)
    name, colon, _ = rest.partition(":")
    port = parse_address(rest).port if colon else 0
    return mode, Address(_name(name), port)


def question_for(settings: DnsSettings) -> Question:
    """Return the question that the settings describe."""
    mode, (name, port) = parse_service(settings.service)
    if settings.port_name is not None and mode is QueryMode.AUTO:
        mode, name = QueryMode.SRV, f"_{settings.port_name}._{settings.protocol}.{name}"
    return Question(name, mode, port or settings.port)


def _name(text: str) -> str:
    """Check a name; keep its trailing dot, which means that no search list applies."""
    canonical = canonical_host(text)
    return f"{canonical}." if text.endswith(".") else canonical
