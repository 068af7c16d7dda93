"""Gossip names: one for each run of a node.

An engine refuses a node that crashed and is back under its old name at another address, for as long as it remembers
the dead one (62 s in Go's memberlist). So every run has its own name, ``<node id>~<generation in base 36>``.
"""

from __future__ import annotations

import re

__all__ = ["MAX_NODE_ID", "gossip_name", "read_name"]

#: Characters of a node id: 64 bytes of gossip name less the separator and the generation.
MAX_NODE_ID = 54

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)~([0-9a-z]{1,9})\Z")


def gossip_name(node_id: str, generation: int) -> str:
    """Name one run of a node.

    Raises:
        ValueError: The name would be longer than the engine allows.
    """
    name = f"{node_id}~{_base36(generation)}"
    if len(name.encode()) > 64:
        raise ValueError(f"the node id is longer than {MAX_NODE_ID} characters")
    return name


def read_name(name: str) -> tuple[str, int]:
    """Give node id and generation of a gossip name; one that is not of our making is its own id, made printable."""
    match = _NAME.match(name)
    if match is None:
        return name.encode("unicode_escape").decode("ascii"), 0
    return match[1], int(match[2], 36)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
