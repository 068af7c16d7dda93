"""Gossip names: one for each run of a node, and proof against corruption.

An engine refuses a node that crashed and is back under its old name at another address, for as long as it remembers
the dead one (62 s in Go's memberlist). So every run has its own name: ``<node id>~<generation in base 36><check>``.

The check is four characters of a hash. Where gossip is not encrypted, nothing else tells a corrupted name from a new
member: without it, every flipped bit of a name would be a node that joins, dies, and is counted for an hour.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["MAX_NODE_ID", "gossip_name", "read_name"]

#: Characters of a node id: 64 bytes of gossip name less separator, generation and check.
MAX_NODE_ID = 50

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*~([0-9a-z]{1,9}))([0-9a-z]{4})\Z")


def gossip_name(node_id: str, generation: int) -> str:
    """Name one run of a node.

    Raises:
        ValueError: The name would be longer than the engine allows.
    """
    run = f"{node_id}~{_base36(generation)}"
    name = run + _check(run)
    if len(name.encode()) > 64:
        raise ValueError(f"the node id is longer than {MAX_NODE_ID} characters")
    return name


def read_name(name: str) -> tuple[str, int] | None:
    """Give node id and generation of a gossip name; None if it is not of our making, or corrupted."""
    match = _NAME.match(name)
    if match is None or match[3] != _check(match[1]):
        return None
    return match[1].rpartition("~")[0], int(match[2], 36)


def _check(run: str) -> str:
    digest = int.from_bytes(hashlib.blake2s(run.encode(), digest_size=4).digest())
    return _base36(digest % 36**4).rjust(4, "0")


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
