"""The table ``[cluster.static]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from engram_discovery.provider import Address, PeerAddress, Table, parse_address, split_list

__all__ = ["StaticSettings"]


def _split(value: object) -> object:
    """Split text as an environment variable holds it: ``"a:7946, b:7946"``."""
    return split_list(value) if isinstance(value, str) else value


class StaticSettings(Table):
    """Discovery by a list of seed nodes.

    Attributes:
        seed_nodes: Canonical ``host:port``, in the order given.
    """

    seed_nodes: Annotated[tuple[PeerAddress, ...], BeforeValidator(_split)] = Field(
        default=(),
        description="Addresses or names of some nodes; port 7946 unless given.",
    )

    @property
    def seeds(self) -> tuple[Address, ...]:
        """The seed nodes, each once."""
        return tuple(dict.fromkeys(parse_address(seed) for seed in self.seed_nodes))
