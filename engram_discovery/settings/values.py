"""The kinds of value that a setting can be, for the host's models and for those of plugins.

A provider's model is short with them::

    class DnsSettings(Table):
        service: str = Field(description="Name to look up.")
        port: Port = Field(default=7946, description="Port of the peers.")
        refresh_interval: Duration = Field(default=30.0, description="Time between look-ups.")
        token: Secret | None = Field(default=None, description="Token of the server.")
        servers: tuple[PeerAddress, ...] = Field(default=(), description="Servers to ask.")

It also takes ``refresh_interval_sec`` and ``refresh_interval_ms``, ``token_file``, and ``servers`` as
``a,b``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from engram_discovery.network.address import DEFAULT_GOSSIP_PORT, format_address, parse_address
from engram_discovery.settings.fields import Kind, Phrase
from engram_discovery.settings.secrets import Secret

__all__ = [
    "BindAddress",
    "Delay",
    "Duration",
    "Names",
    "PeerAddress",
    "Port",
    "Secret",
    "SecretList",
    "Table",
    "expect_text",
    "format_duration",
    "parse_duration",
    "split_list",
]

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
#: Longer than any node runs; timers of the libraries behind us overflow somewhere beyond.
_LONGEST = 36500 * 86400.0
_EXPECTED = 'expected a duration such as 30, "30s" or "1m30s"'


class Table(BaseModel):
    """A table of the settings file: frozen, unknown keys refused, no value in any error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, validate_default=False
    )


def parse_duration(value: Any) -> float:
    """Read seconds from a number or from text such as ``"30"``, ``"30s"``, ``"250ms"`` or ``"1m30s"``.

    Raises:
        ValueError: It is no duration, or below zero, or longer than a hundred years.
    """
    seconds = _duration_text(value) if isinstance(value, str) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(_EXPECTED)  # noqa: TRY004  pydantic takes no TypeError from a validator
    if not seconds >= 0:  # NaN is refused too
        raise ValueError("expected a duration that is not below zero")
    if seconds > _LONGEST:
        raise ValueError(f"expected a duration of at most {format_duration(_LONGEST)}")
    return float(seconds)


def _duration_text(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(_EXPECTED)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """Write a duration the way people do, to the millisecond: ``90.0`` as ``"1m30s"``."""
    left, text = round(seconds * 1000), ""
    for unit, size in _UNITS.items():
        count, left = divmod(left, round(size * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _above_zero(value: Any) -> float:
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("expected a duration above zero")
    return seconds


def expect_text(value: Any, what: str) -> str:
    """Return ``value`` if it is text.

    Raises:
        ValueError: It is not; pydantic takes no TypeError from a validator.
    """
    if isinstance(value, str):
        return value
    raise ValueError(f"expected {what}")


def _bind(value: Any) -> str:
    return format_address(parse_address(expect_text(value, 'an address such as "0.0.0.0:7946"')))


def _peer(value: Any) -> str:
    text = expect_text(value, 'an address such as "engram-1.example.com:7946"')
    return format_address(parse_address(text, default_port=DEFAULT_GOSSIP_PORT))


def split_list(text: str) -> list[str]:
    """Split a comma list, dropping white space and empty parts."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _names(value: Any) -> Any:
    return split_list(value) if isinstance(value, str) else value


_DURATION_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d)?)+$"},
    ]
}
_ABOVE_ZERO_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, _DURATION_SCHEMA["anyOf"][1]]
}
_LIST_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
}

#: Seconds above zero, from 30, "30s" or "1m30s". The table also takes the key with ``_sec`` or ``_ms`` at
#: its end.
Duration = Annotated[
    float,
    BeforeValidator(_above_zero),
    WithJsonSchema(_ABOVE_ZERO_SCHEMA),
    Phrase('a duration such as 30, "30s" or "1m30s"', Kind.DURATION),
]

#: Like ``Duration``, but zero is allowed.
Delay = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(_DURATION_SCHEMA),
    Phrase('a duration such as 0, "30s" or "1m30s"', Kind.DURATION),
]

#: An address to listen at: ``host:port`` or ``[v6]:port``, in canonical spelling. Port 0 is refused: the
#: others could not know which port the system chose.
BindAddress = Annotated[str, BeforeValidator(_bind), Phrase("an address host:port")]

#: An address to contact; the port may be left out and is then 7946.
PeerAddress = Annotated[str, BeforeValidator(_peer), Phrase("an address host:port")]

Port = Annotated[int, Field(ge=1, le=65535)]

#: Names, as a list or as text with commas.
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema(_LIST_SCHEMA),
    Phrase("a list of names", Kind.LIST),
]

#: Secrets, as a list or as text with commas; each may be a ``file:`` reference. See ``secrets``.
SecretList = Annotated[
    tuple[SecretStr, ...],
    BeforeValidator(_names),
    WithJsonSchema(_LIST_SCHEMA),
    Phrase("a list of secrets", Kind.LIST),
]
