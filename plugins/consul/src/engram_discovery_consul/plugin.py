"""The hooks of the provider ``consul``. py-consul and aiohttp are imported when something is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.hookspecs import hookimpl
from engram_discovery.types import ProviderInfo
from engram_discovery_consul.settings import ConsulSettings

if TYPE_CHECKING:
    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.protocols import Discoverer, HealthCheck, Registrar

__all__ = [
    "engram_create_discoverer",
    "engram_create_health_checks",
    "engram_create_registrar",
    "engram_providers",
]


@hookimpl
def engram_providers() -> list[ProviderInfo]:
    """Offer ``consul``."""
    return [
        ProviderInfo(
            name="consul",
            settings_model=ConsulSettings,
            summary="peers registered in Consul, this node among them",
            capabilities=frozenset({"discover", "watch", "register", "health"}),
        )
    ]


@hookimpl
def engram_create_discoverer(
    provider: str, settings: ConsulSettings, context: PluginContext
) -> Discoverer | None:
    """Make the discoverer of ``consul``."""
    if provider != "consul":
        return None
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.discoverer import ConsulDiscoverer

    return ConsulDiscoverer(settings, context, ConsulClient(settings, context))


@hookimpl
def engram_create_registrar(
    provider: str, settings: ConsulSettings, context: PluginContext
) -> Registrar | None:
    """Make the registrar of ``consul``."""
    if provider != "consul":
        return None
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.registrar import ConsulRegistrar

    return ConsulRegistrar(settings, context, ConsulClient(settings, context))


@hookimpl
def engram_create_health_checks(
    provider: str, settings: ConsulSettings, context: PluginContext
) -> list[HealthCheck]:
    """Make the health check of ``consul``."""
    if provider != "consul":
        return []
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.health import ConsulHealthCheck

    return [ConsulHealthCheck(settings, context, ConsulClient(settings, context))]
