"""The plugin of the provider ``static``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import ProviderInfo, ProviderPlugin
from engram_discovery_static.settings import StaticSettings

if TYPE_CHECKING:
    from engram_discovery.provider import Discoverer, PluginContext

__all__ = ["plugin"]


def _discoverer(settings: StaticSettings, context: PluginContext) -> Discoverer:
    from engram_discovery_static.discoverer import (
        StaticDiscoverer,  # asyncio, which a mere listing does not need
    )

    return StaticDiscoverer(settings, context)


plugin = ProviderPlugin(
    ProviderInfo(
        name="static",
        settings_model=StaticSettings,
        summary="seed nodes listed in the settings, by address or name",
    ),
    discoverer=_discoverer,
)
