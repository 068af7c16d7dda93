"""The hooks of the provider ``etcd``. gRPC is imported when something is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.hookspecs import hookimpl
from engram_discovery.types import ProviderInfo
from engram_discovery_etcd.settings import EtcdSettings

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
    """Offer ``etcd``."""
    return [
        ProviderInfo(
            name="etcd",
            settings_model=EtcdSettings,
            summary="peers from etcd: keys under leases, watched",
            capabilities=frozenset({"discover", "watch", "register", "health"}),
        )
    ]


@hookimpl
def engram_create_discoverer(
    provider: str, settings: EtcdSettings, context: PluginContext
) -> Discoverer | None:
    """Make the discoverer of ``etcd``."""
    if provider != "etcd":
        return None
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.discoverer import EtcdDiscoverer

    return EtcdDiscoverer(settings, context, EtcdClient(settings, context))


@hookimpl
def engram_create_registrar(
    provider: str, settings: EtcdSettings, context: PluginContext
) -> Registrar | None:
    """Make the registrar of ``etcd``."""
    if provider != "etcd":
        return None
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.registrar import EtcdRegistrar

    return EtcdRegistrar(settings, EtcdClient(settings, context))


@hookimpl
def engram_create_health_checks(
    provider: str, settings: EtcdSettings, context: PluginContext
) -> list[HealthCheck]:
    """Make the health check of ``etcd``."""
    if provider != "etcd":
        return []
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.health import EtcdHealthCheck

    return [EtcdHealthCheck(settings, context, EtcdClient(settings, context))]
