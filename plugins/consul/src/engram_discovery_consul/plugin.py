"""The plugin of the provider ``consul``. The factories import the client library, not this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import ProviderInfo, ProviderPlugin
from engram_discovery_consul.settings import ConsulSettings

if TYPE_CHECKING:
    from engram_discovery.provider import Discoverer, HealthCheck, PluginContext, Registrar

__all__ = ["plugin"]


def _discoverer(settings: ConsulSettings, context: PluginContext) -> Discoverer:
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.discoverer import ConsulDiscoverer

    return ConsulDiscoverer(settings, context, ConsulClient(settings, context))


def _registrar(settings: ConsulSettings, context: PluginContext) -> Registrar:
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.registrar import ConsulRegistrar

    return ConsulRegistrar(settings, context, ConsulClient(settings, context))


def _health_checks(settings: ConsulSettings, context: PluginContext) -> list[HealthCheck]:
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.health import ConsulHealthCheck

    return [ConsulHealthCheck(settings, context, ConsulClient(settings, context))]


plugin = ProviderPlugin(
    ProviderInfo(
        name="consul",
        settings_model=ConsulSettings,
        summary="peers registered in Consul, this node among them",
        capabilities=frozenset({"discover", "watch", "register", "health"}),
    ),
    discoverer=_discoverer,
    registrar=_registrar,
    health_checks=_health_checks,
)
