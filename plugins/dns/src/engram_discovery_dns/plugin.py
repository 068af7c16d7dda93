"""The plugin of the provider ``dns``. The factories import dnspython, not this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import ProviderInfo, ProviderPlugin
from engram_discovery_dns.settings import DnsSettings, nameserver_addresses

if TYPE_CHECKING:
    from engram_discovery.provider import Discoverer, HealthCheck, PluginContext
    from engram_discovery_dns.client import DnsClient

__all__ = ["plugin"]


def _discoverer(settings: DnsSettings, context: PluginContext) -> Discoverer:
    from engram_discovery_dns.discoverer import DnsDiscoverer

    return DnsDiscoverer(settings, context, _client(settings))


def _health_checks(settings: DnsSettings, context: PluginContext) -> list[HealthCheck]:
    from engram_discovery_dns.health import DnsHealthCheck

    return [DnsHealthCheck(settings, context, _client(settings))]


def _client(settings: DnsSettings) -> DnsClient:
    from engram_discovery_dns.client import DnsClient
    from engram_discovery_dns.resolv_conf import ResolvConf

    return DnsClient(ResolvConf(nameserver_addresses(settings.nameservers)))


plugin = ProviderPlugin(
    ProviderInfo(
        name="dns",
        settings_model=DnsSettings,
        summary="peers from DNS: SRV, A and AAAA records",
        capabilities=frozenset({"discover", "health"}),
    ),
    discoverer=_discoverer,
    health_checks=_health_checks,
)
