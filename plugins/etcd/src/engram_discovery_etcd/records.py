"""A node as a key and a value: ``<prefix>/<cluster>/<node id>``, and what gRPC's etcd resolver reads.

The value is ``{"Op": 0, "Addr": "host:port", "Metadata": {…}}``, an update of ``go.etcd.io/etcd/client/v3/naming``:
a Go program that dials ``etcd:///<prefix>/<cluster>`` reaches the nodes without knowing of us.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engram_discovery.provider import Endpoint, format_address, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engram_discovery.provider import NodeRecord

__all__ = ["decode", "encode", "folder", "folder_end", "generation_of", "key_of"]

#: A record is a few hundred bytes. What is larger is not read: it is not ours.
LARGEST_VALUE = 64 * 1024

_ADD = 0


def folder(prefix: str, cluster: str) -> bytes:
    """Return what the keys of a cluster begin with."""
    return f"{prefix}/{cluster}/".encode()


def folder_end(start: bytes) -> bytes:
    """Return the first key after all those that begin with ``start``, which ends with a slash."""
    return start[:-1] + bytes([start[-1] + 1])


def key_of(prefix: str, cluster: str, node_id: str) -> bytes:
    """Return the key of a node."""
    return folder(prefix, cluster) + node_id.encode()


def encode(node: NodeRecord) -> bytes:
    """Write the value of a node."""
    metadata = {
        **node.meta,
        "node_id": node.identity.node_id,
        "generation": node.identity.generation,
        "cluster": node.identity.cluster,
        "api_addr": format_address(node.api_addr),
        "spaces": list(node.spaces),
        "version": node.version,
    }
    update = {"Op": _ADD, "Addr": format_address(node.addr), "Metadata": metadata}
    return json.dumps(update, separators=(",", ":"), ensure_ascii=False).encode()


def decode(key: bytes, value: bytes, *, source: str) -> Endpoint:
    """Read a node. The metadata may lack anything, be anything, or not be there.

    Args:
        key: Its last part is the node id, unless the metadata has another.
        value: The value.
        source: Name of the provider.

    Raises:
        ValueError: It is not a record of a node; the message has the reason.
    """
    update = _update(value)
    address = update.get("Addr")
    if not isinstance(address, str):
        raise ValueError('it has no text "Addr"')  # noqa: TRY004  the value is wrong, not the type
    host, port = parse_address(address)
    metadata = update.get("Metadata")
    facts = metadata if isinstance(metadata, dict) else {}
    node_id = facts.get("node_id")
    if not isinstance(node_id, str):
        node_id = key.rpartition(b"/")[2].decode("utf-8", "replace")
    meta = {name: str(fact) for name, fact in facts.items() if isinstance(fact, str | int)}
    return Endpoint(host, port, node_id=node_id, source=source, meta=MappingProxyType(meta))


def generation_of(value: bytes) -> int | None:
    """Return the generation that wrote a value; None if it has none."""
    try:
        metadata = _update(value).get("Metadata")
    except ValueError:
        return None
    generation = metadata.get("generation") if isinstance(metadata, dict) else None
    return generation if type(generation) is int else None


def _update(value: bytes) -> Mapping[str, Any]:
    if len(value) > LARGEST_VALUE:
        raise ValueError(f"it has {len(value)} bytes, more than {LARGEST_VALUE}")
    try:
        update = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(update, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004  the value is wrong, not the type
    return update
