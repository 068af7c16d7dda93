"""The kinds of value that only the host has: names of nodes, clusters and providers, gossip keys."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr, WithJsonSchema

from engram_discovery.network.address import canonical_host, format_address, is_wildcard, parse_address
from engram_discovery.settings.fields import Kind, Phrase
from engram_discovery.settings.values import Names, SecretList, expect_text

__all__ = ["GOSSIP_KEY_BYTES", "Advertise", "ClusterName", "GossipKeys", "NodeId", "ProviderNames"]

#: AES-256: the one size that the embedded engine takes.
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
GossipKeys = Annotated[SecretList, AfterValidator(_gossip_keys), Phrase("a list of base64 keys", Kind.LIST)]
