"""Encode the metadata of a node in gossip, within the 512 bytes that the engine allows.

Keys are short because every byte is gossiped: ``api`` (host:port), ``zone``, ``spaces`` (one a line) and ``more``
(how many spaces did not fit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.network.address import Address, format_address, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MAX_METADATA_SIZE", "NodeMetadata", "decode", "encode"]

#: Bytes that the engine allows for all keys, values and their framing.
MAX_METADATA_SIZE = 512

_FRAMING = 4  # bytes an entry costs beside its key and value, at the most
_MORE_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMetadata:
    """The facts that travel with a member.

    Attributes:
        api_addr: Its API address, if known.
        zone: Its availability zone, if known.
        spaces: The memory spaces that fit.
        spaces_omitted: Number of those that do not.
    """

    api_addr: Address | None = None
    zone: str | None = None
    spaces: tuple[str, ...] = ()
    spaces_omitted: int = 0


def encode(api_addr: Address | None, zone: str | None, spaces: Sequence[str]) -> dict[str, str]:
    """Encode the metadata with as many spaces as fit, in order.

    Raises:
        ValueError: API address and zone alone do not fit, or a space's name holds a line break.
    """
    meta: dict[str, str] = {}
    if api_addr is not None:
        meta["api"] = format_address(api_addr)
    if zone:
        meta["zone"] = zone
    if _size(meta) > MAX_METADATA_SIZE:
        raise ValueError(
            f"zone and API address take {_size(meta)} bytes of gossip metadata, {MAX_METADATA_SIZE} at most"
        )
    if any("\n" in space for space in spaces):
        raise ValueError("the name of a memory space holds a line break")
    kept = _fitting(meta, spaces)
    if kept:
        meta["spaces"] = "\n".join(spaces[:kept])
    if kept < len(spaces):
        meta["more"] = str(len(spaces) - kept)
    return meta


def decode(meta: Mapping[str, str]) -> NodeMetadata:
    """Decode the metadata of another node; malformed entries are ignored."""
    spaces = meta.get("spaces", "")
    more = meta.get("more", "")
    return NodeMetadata(
        api_addr=_address(meta.get("api")),
        zone=meta.get("zone"),
        spaces=tuple(spaces.split("\n")) if spaces else (),
        spaces_omitted=int(more) if more.isascii() and more.isdigit() and len(more) <= _MORE_DIGITS else 0,
    )


def _fitting(meta: Mapping[str, str], spaces: Sequence[str]) -> int:
    room = MAX_METADATA_SIZE - _size(meta) - len("spaces") - _FRAMING
    reserve = len("more") + _FRAMING + _MORE_DIGITS
    kept = used = 0
    for space in spaces:
        used += len(space.encode()) + (1 if kept else 0)
        is_last = kept == len(spaces) - 1
        if used > (room if is_last else room - reserve):
            break
        kept += 1
    return kept


def _size(meta: Mapping[str, str]) -> int:
    return 1 + sum(len(key.encode()) + len(value.encode()) + _FRAMING for key, value in meta.items())


def _address(text: str | None) -> Address | None:
    if text is None:
        return None
    try:
        return parse_address(text)
    except ValueError:
        return None
