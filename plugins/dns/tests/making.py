"""Discoverers as the host makes them, with settings and a log that a test can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from engram_discovery.clock import SystemClock
from engram_discovery.hookspecs import PluginContext
from engram_discovery_dns.client import DnsClient
from engram_discovery_dns.discoverer import DnsDiscoverer
from engram_discovery_dns.resolv_conf import ResolvConf
from engram_discovery_dns.settings import DnsSettings, nameserver_addresses


class Log:
    """A logger that keeps what it was told."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.warnings.append((event, facts))

    def debug(self, event: str, **facts: Any) -> None:
        pass

    info = error = debug

    def bind(self, **facts: Any) -> Log:
        return self

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.warnings]


def make_client(*nameservers: object, resolv_conf: Path = Path("/nonexistent/resolv.conf")) -> DnsClient:
    """Return a client of these name servers, with the search list of ``resolv_conf``."""
    addresses = nameserver_addresses(tuple(map(str, nameservers)))
    return DnsClient(ResolvConf(addresses, resolv_conf))


def make_context(log: Log | None = None, *, timeout: float = 3.0) -> PluginContext:
    """Return what the host hands to a factory."""
    return PluginContext(
        provider="dns", identity=None, logger=log or Log(), clock=SystemClock(), timeout=timeout
    )


def make_discoverer(
    *nameservers: object, log: Log | None = None, timeout: float = 3.0, **settings: object
) -> DnsDiscoverer:
    """Return a discoverer that asks these name servers."""
    model = DnsSettings.model_validate(settings)
    return DnsDiscoverer(model, make_context(log, timeout=timeout), make_client(*nameservers))


def addresses(answer: object) -> list[str]:
    """Return the endpoints of an answer as text, in order."""
    return [str(endpoint) for endpoint in cast("Any", answer).endpoints]
