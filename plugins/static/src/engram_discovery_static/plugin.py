"""The hooks of the provider ``static``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.hookspecs import hookimpl
from engram_discovery.types import ProviderInfo
from engram_discovery_static.settings import StaticSettings

if TYPE_CHECKING:
    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.protocols import Discoverer


@hookimpl
def engram_providers() -> list[ProviderInfo]:
    """Offer ``static``."""
    return [
        ProviderInfo(
            name="static",
            settings_model=StaticSettings,
            summary="seed nodes listed in the settings, by address or name",
        )
    ]


@hookimpl
def engram_create_discoverer(
    provider: str, settings: StaticSettings, context: PluginContext
) -> Discoverer | None:
    """Make the discoverer of ``static``."""
    if provider != "static":
        return None
    from engram_discovery_static.discoverer import (
        StaticDiscoverer,
    )  # asyncio, which a mere listing does not need

    return StaticDiscoverer(settings, context)
