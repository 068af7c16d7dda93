"""What is asked of DNS: a name and the form of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engram_discovery.network.address import Address, canonical_host, parse_address

if TYPE_CHECKING:
    from engram_discovery_dns.settings import DnsSettings

__all__ = ["Form", "Question", "parse_service", "question_for"]


class Form(StrEnum):
    """The records that are asked for."""

    AUTO = "auto"
    """SRV, and A and AAAA if there is no SRV."""
    SRV = "srv"
    SRV_NAMES = "srv_names"
    """SRV; its targets are handed on as names, to be looked up when they are contacted."""
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        name: Name to look up; absolute if it ends with a dot, else the search list applies.
        form: The records to ask for.
        port: Port of answers that hold none; among the ports of a target, the one to keep.
    """

    name: str
    form: Form
    port: int


_SHORTHANDS = {"dns": Form.ADDRESS, "dnssrv": Form.SRV, "dnssrvnoa": Form.SRV_NAMES}


def parse_service(service: str) -> tuple[Form, Address]:
    """Read the setting ``service``: a name, or a shorthand as Thanos has them, such as ``dns+host:port``.

    Returns:
        The form, and name and port; port 0 where none is given.

    Raises:
        ValueError: It is neither a host name nor a shorthand of one.
    """
    prefix, plus, rest = service.partition("+")
    if plus and prefix not in _SHORTHANDS:
        raise ValueError(f"expected dns+, dnssrv+ or dnssrvnoa+ before the name, got {prefix}+")
    if not plus:
        return (Form.SRV if service.startswith("_") else Form.AUTO), Address(_name(service), 0)
    form = _SHORTHANDS[prefix]
    if form is not Form.ADDRESS:
        return form, Address(_name(rest), 0)
    name, colon, _ = rest.partition(":")
    port = parse_address(rest).port if colon else 0
    return form, Address(_name(name), port)


def question_for(settings: DnsSettings) -> Question:
    """Return the question that the settings ask."""
    form, (name, port) = parse_service(settings.service)
    if settings.port_name is not None and form is Form.AUTO:
        form, name = Form.SRV, f"_{settings.port_name}._{settings.protocol}.{name}"
    return Question(name, form, port or settings.port)


def _name(text: str) -> str:
    """Check a name; keep its trailing dot, which means that no search list applies."""
    canonical = canonical_host(text)
    return f"{canonical}." if text.endswith(".") else canonical
