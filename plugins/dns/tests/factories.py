"""Discoverers as the host makes them, with settings and a log that a test can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from engram_discovery.hookspecs import PluginContext
from engram_discovery.network.address import Address
from engram_discovery.runtime.clock import SystemClock
from engram_discovery_dns.client import DnsClient
from engram_discovery_dns.discoverer import DnsDiscoverer
from engram_discovery_dns.resolv_conf import ResolvConf, ResolverConfiguration
from engram_discovery_dns.settings import DnsSettings, nameserver_addresses

_NO_FILE = Path("/nonexistent/resolv.conf")


class Log:
    """A logger that keeps what it was told."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, dict[str, Any]]] = []
        self.all_events: list[str] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.warnings.append((event, facts))
        self.all_events.append(event)

    def info(self, event: str, **facts: Any) -> None:
        self.all_events.append(event)

    debug = error = info

    def bind(self, **facts: Any) -> Log:
        return self

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.warnings]


class Impatient(ResolvConf):
    """Gives every server less time for a try, so that a test of silence does not take seconds."""

    def __init__(self, nameservers: Sequence[Address], path: Path, patience: float) -> None:
        super().__init__(nameservers, path)
        self._patience = patience

    def current(self) -> ResolverConfiguration:
        return replace(super().current(), timeout=self._patience)


def make_client(*nameservers: object, resolv_conf: Path = _NO_FILE, patience: float = 1.0) -> DnsClient:
    """Return a client of these name servers, with the search list of ``resolv_conf``."""
    addresses = nameserver_addresses(tuple(map(str, nameservers)))
    return DnsClient(Impatient(addresses, resolv_conf, patience))


def make_context(log: Log | None = None, *, timeout: float = 30.0) -> PluginContext:
    """Return what the host hands to a factory."""
    return PluginContext(
        provider="dns", identity=None, logger=log or Log(), clock=SystemClock(), timeout=timeout
    )


def make_discoverer(
    *nameservers: object,
    log: Log | None = None,
    timeout: float = 30.0,
    resolv_conf: Path = _NO_FILE,
    patience: float = 1.0,
    **settings: object,
) -> DnsDiscoverer:
    """Return a discoverer that asks these name servers."""
    client = make_client(*nameservers, resolv_conf=resolv_conf, patience=patience)
    return DnsDiscoverer(DnsSettings.model_validate(settings), make_context(log, timeout=timeout), client)


def addresses(answer: object) -> list[str]:
    """Return the endpoints of an answer as text, in order."""
    return [str(endpoint) for endpoint in cast("Any", answer).endpoints]
