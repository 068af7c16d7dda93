"""The plugin of the provider ``etcd``. The factories import the client library, not this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import ProviderInfo, ProviderPlugin
from engram_discovery_etcd.settings import EtcdSettings

if TYPE_CHECKING:
    from engram_discovery.provider import Discoverer, HealthCheck, PluginContext, Registrar

__all__ = ["plugin"]


def _discoverer(settings: EtcdSettings, context: PluginContext) -> Discoverer:
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.discoverer import EtcdDiscoverer

    return EtcdDiscoverer(settings, context, EtcdClient(settings, context))


def _registrar(settings: EtcdSettings, context: PluginContext) -> Registrar:
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.registrar import EtcdRegistrar

    return EtcdRegistrar(settings, EtcdClient(settings, context))


def _health_checks(settings: EtcdSettings, context: PluginContext) -> list[HealthCheck]:
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.health import EtcdHealthCheck

    return [EtcdHealthCheck(settings, context, EtcdClient(settings, context))]


plugin = ProviderPlugin(
    ProviderInfo(
        name="etcd",
        settings_model=EtcdSettings,
        summary="peers from etcd: keys under leases, watched",
        capabilities=frozenset({"discover", "watch", "register", "health"}),
    ),
    discoverer=_discoverer,
    registrar=_registrar,
    health_checks=_health_checks,
)
