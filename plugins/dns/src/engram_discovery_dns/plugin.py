"""The hooks of the provider ``dns``. dnspython is imported when something is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.hookspecs import hookimpl
from engram_discovery.types import ProviderInfo
from engram_discovery_dns.settings import DnsSettings, nameserver_addresses

if TYPE_CHECKING:
    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.protocols import Discoverer, HealthCheck
    from engram_discovery_dns.client import DnsClient

__all__ = ["engram_create_discoverer", "engram_create_health_checks", "engram_providers"]


@hookimpl
def engram_providers() -> list[ProviderInfo]:
    """Offer ``dns``."""
    return [
        ProviderInfo(
            name="dns",
            settings_model=DnsSettings,
            summary="peers from DNS: SRV, A and AAAA records",
            capabilities=frozenset({"discover", "health"}),
        )
    ]


@hookimpl
def engram_create_discoverer(
    provider: str, settings: DnsSettings, context: PluginContext
) -> Discoverer | None:
    """Make the discoverer of ``dns``."""
    if provider != "dns":
        return None
    from engram_discovery_dns.discoverer import DnsDiscoverer

    return DnsDiscoverer(settings, context, _client(settings))


@hookimpl
def engram_create_health_checks(
    provider: str, settings: DnsSettings, context: PluginContext
) -> list[HealthCheck]:
    """Make the health check of ``dns``."""
    if provider != "dns":
        return []
    from engram_discovery_dns.health import DnsHealthCheck

    return [DnsHealthCheck(settings, context, _client(settings))]


def _client(settings: DnsSettings) -> DnsClient:
    from engram_discovery_dns.client import DnsClient
    from engram_discovery_dns.resolv_conf import ResolvConf

    return DnsClient(ResolvConf(nameserver_addresses(settings.nameservers)))
