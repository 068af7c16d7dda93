"""The table ``[cluster.static]``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from engram_discovery.network.address import DEFAULT_GOSSIP_PORT, Address, format_address, parse_address

__all__ = ["StaticSettings"]


def _split(value: Any) -> Any:
    """Split text as an environment variable holds it: ``"a:7946, b:7946"``."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _canonical(text: str) -> str:
    return format_address(parse_address(text.strip(), default_port=DEFAULT_GOSSIP_PORT))


SeedNode = Annotated[str, AfterValidator(_canonical)]


class StaticSettings(BaseModel):
    """Where to look for peers.

    Attributes:
        seed_nodes: Canonical ``host:port``, in the order given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    seed_nodes: Annotated[tuple[SeedNode, ...], BeforeValidator(_split)] = Field(
        (),
        description="Addresses or names of some nodes; port 7946 unless given.",
    )

    @property
    def seeds(self) -> tuple[Address, ...]:
        """The seed nodes, each once."""
        return tuple(dict.fromkeys(parse_address(seed) for seed in self.seed_nodes))
