"""The types of settings, for the host's models and those of plugins.

They keep a provider's model short::

    class DnsSettings(Table):
        service: str = Field(description="Name to resolve.")
        port: Port = Field(default=7946, description="Port of the peers.")
        refresh_interval: Duration = Field(default=30.0, description="Time between queries.")
        token: Secret | None = Field(default=None, description="Token of the server.")
        servers: tuple[PeerAddress, ...] = Field(default=(), description="Servers to query.")

The table also accepts ``refresh_interval_sec`` and ``refresh_interval_ms``, ``token_file``, and ``servers`` as ``a,b``.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from engram_discovery.defaults import MAX_DURATION
from engram_discovery.network.address import (
    DEFAULT_GOSSIP_PORT,
    canonical_host,
    format_address,
    is_wildcard,
    parse_address,
)
from engram_discovery.settings.field_info import FieldKind, Phrase, expect_text
from engram_discovery.settings.secrets import Secret

__all__ = [
    "GOSSIP_KEY_BYTES",
    "Advertise",
    "BindAddress",
    "ClusterName",
    "Delay",
    "Duration",
    "GossipKeys",
    "Names",
    "NodeId",
    "PeerAddress",
    "Port",
    "ProviderNames",
    "Secret",
    "SecretList",
    "Table",
    "format_duration",
    "parse_duration",
    "split_list",
]

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_EXPECTED = 'expected a duration such as 30, "30s" or "1m30s"'


class Table(BaseModel):
    """A table of the settings file: frozen, unknown keys are errors, no error contains a value (ADR 12)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, validate_default=False
    )


def parse_duration(value: Any) -> float:
    """Read seconds from a number or from text such as ``"30"``, ``"30s"``, ``"250ms"`` or ``"1m30s"``.

    Raises:
        ValueError: Not a duration, below zero, or longer than a hundred years.
    """
    seconds = _duration_text(value) if isinstance(value, str) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(_EXPECTED)  # noqa: TRY004  pydantic expects a ValueError of a validator
    if not seconds >= 0:  # also true for NaN
        raise ValueError("expected a duration that is not below zero")
    if seconds > MAX_DURATION:
        raise ValueError(f"expected a duration of at most {format_duration(MAX_DURATION)}")
    return float(seconds)


def _duration_text(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(_EXPECTED)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """Format a duration to the millisecond: ``90.0`` as ``"1m30s"``."""
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

#: Seconds above zero, from 30, "30s" or "1m30s". The table also accepts the key with the suffix ``_sec`` or ``_ms``.
Duration = Annotated[
    float,
    BeforeValidator(_above_zero),
    WithJsonSchema(_ABOVE_ZERO_SCHEMA),
    Phrase('a duration such as 30, "30s" or "1m30s"', FieldKind.DURATION),
]

#: Like ``Duration``, but zero is allowed.
Delay = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(_DURATION_SCHEMA),
    Phrase('a duration such as 0, "30s" or "1m30s"', FieldKind.DURATION),
]

#: An address to listen at: ``host:port`` or ``[v6]:port``, in canonical form. Port 0 is an error: other nodes could not
#: know the port that the system chose.
BindAddress = Annotated[str, BeforeValidator(_bind), Phrase("an address host:port")]

#: An address to contact; the port is optional, 7946 by default.
PeerAddress = Annotated[str, BeforeValidator(_peer), Phrase("an address host:port")]

Port = Annotated[int, Field(ge=1, le=65535)]

#: Names, as a list or as text with commas.
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema(_LIST_SCHEMA),
    Phrase("a list of names", FieldKind.LIST),
]

#: Secrets, as a list or as text with commas; each may be a ``file:`` reference. See ``secrets``.
SecretList = Annotated[
    tuple[SecretStr, ...],
    BeforeValidator(_names),
    WithJsonSchema(_LIST_SCHEMA),
    Phrase("a list of secrets", FieldKind.LIST),
]


#: AES-256: the only key size that the embedded engine accepts.
GOSSIP_KEY_BYTES = 32

_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,%d}"
_NODE_ID = re.compile(_NAME % 49)
_CLUSTER = re.compile(_NAME % 63)
_PROVIDER = re.compile("[a-z][a-z0-9_-]{0,31}")
_INTERFACE = re.compile(r"iface:[A-Za-z0-9_.\-]{1,15}")


def _node_id(value: Any) -> str:
    if not (isinstance(value, str) and (not value or _NODE_ID.fullmatch(value))):
        raise ValueError(
            "expected at most 50 letters, digits, dots, hyphens and underscores, not starting with a sign"
        )
    return value


def _cluster(value: Any) -> str:
    if not isinstance(value, str) or not _CLUSTER.fullmatch(value):
        raise ValueError(
            "expected 1 to 64 letters, digits, dots, hyphens and underscores, not starting with a sign"
        )
    return value


def _providers(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError('expected the name of a provider, such as "static"')
    if len(set(names)) != len(names):
        raise ValueError("expected each provider once")
    if not all(_PROVIDER.fullmatch(name) for name in names):
        raise ValueError("expected names of providers: lower-case letters, digits, hyphens and underscores")
    return names


def _advertise(given: Any) -> str:
    """Accept ``auto``, ``iface:NAME``, or an address with or without a port; never a wildcard."""
    value = expect_text(given, '"auto", an address, or "iface:NAME"')
    if value == "auto" or _INTERFACE.fullmatch(value):
        return value
    if value.startswith("iface:"):
        raise ValueError("expected the name of an interface after iface:")
    host, text = _host_and_text(value)
    if is_wildcard(host):
        raise ValueError(
            "expected an address that others can reach; a wildcard means every address of this machine"
        )
    return text


def _host_and_text(value: str) -> tuple[str, str]:
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if bare != value or value.count(":") != 1:
        try:
            host = canonical_host(bare)
        except ValueError:
            if ":" not in value or bare != value:
                raise
        else:
            return host, host
    address = parse_address(value)
    return address.host, format_address(address)


def _gossip_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    raw = [_key_bytes(key.get_secret_value()) for key in keys]
    if len(set(raw)) != len(raw):
        raise ValueError("expected each gossip key once")
    return keys


def _key_bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected gossip keys in base64") from None
    if len(raw) != GOSSIP_KEY_BYTES:
        raise ValueError(f"a gossip key must decode to {GOSSIP_KEY_BYTES} bytes, got {len(raw)}")
    return raw


_NODE_ID_SCHEMA = {"type": "string", "pattern": f"^({_NODE_ID.pattern})?$"}
_CLUSTER_SCHEMA = {"type": "string", "pattern": f"^{_CLUSTER.pattern}$"}
NodeId = Annotated[str, BeforeValidator(_node_id), WithJsonSchema(_NODE_ID_SCHEMA), Phrase("a node id")]
ClusterName = Annotated[str, BeforeValidator(_cluster), WithJsonSchema(_CLUSTER_SCHEMA), Phrase("a name")]
ProviderNames = Annotated[Names, AfterValidator(_providers)]
Advertise = Annotated[str, BeforeValidator(_advertise), Phrase('"auto", an address, or "iface:NAME"')]
GossipKeys = Annotated[
    SecretList, AfterValidator(_gossip_keys), Phrase("a list of base64 keys", FieldKind.LIST)
]
