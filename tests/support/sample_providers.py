"""A provider as a plugin would declare it, for the tests of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from engram_discovery.errors import ProviderNotFoundError
from engram_discovery.settings.field_types import Duration, PeerAddress, Port, Secret, Table
from engram_discovery.types import ProviderInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


class DnsSettings(Table):
    """A provider with one of each kind of setting."""

    service: str = Field(description="Name to resolve.")
    port: Port = Field(default=7946, description="Port of the peers.")
    refresh_interval: Duration = Field(default=30.0, description="Time between lookups.")
    ratio: float = Field(default=0.5, description="A number.")
    verify: bool = Field(default=True, description="A boolean.")
    servers: tuple[PeerAddress, ...] = Field(default=(), description="Servers to query.")
    token: Secret | None = Field(default=None, description="A token.")
    tokens: tuple[Secret, ...] = Field(default=(), description="Several tokens.")
    meta: dict[str, str] = Field(default_factory=dict, description="Metadata.")
    headers: dict[str, Secret] = Field(default_factory=dict, description="Secret headers.")


class StaticSettings(Table):
    """The default provider."""

    seed_nodes: tuple[PeerAddress, ...] = Field(default=(), description="Seeds.")


class Installed:
    """A ``ProviderLookup`` for a fixed set of providers; records those that were loaded."""

    def __init__(self, models: Mapping[str, type[BaseModel]] | None = None) -> None:
        self.models = models or {"dns": DnsSettings, "static": StaticSettings}
        self.loaded: list[str] = []

    def known_providers(self) -> frozenset[str]:
        return frozenset(self.models)

    def provider(self, name: str) -> ProviderInfo:
        if name not in self.models:
            raise ProviderNotFoundError(
                f"no provider {name} is installed; pip install engram-discovery[{name}]",
                plugin=name,
                available=sorted(self.models),
                install_hint=None,
            )
        self.loaded.append(name)
        return ProviderInfo(name=name, settings_model=self.models[name], summary="")
