"""The provider ``dns`` keeps every promise of a plugin, a discoverer and a health check, with a real CoreDNS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engram_discovery.network.address import Address
from engram_discovery.testing.contracts import (
    Backend,
    DiscovererContract,
    HealthCheckContract,
    PluginContract,
)
from tests.servers.backend import ServerBackend
from tests.servers.coredns import CoreDns

pytestmark = pytest.mark.server

ZONE = "contract.test"


class Zone(ServerBackend[CoreDns]):
    """A zone with an SRV record and an address for each peer."""

    def __init__(self, directory: Path) -> None:
        super().__init__(CoreDns(directory, {ZONE: []}))
        self.peers: list[Address] = []

    async def add(self, address: Address) -> None:
        self.peers.append(address)
        await self.publish()

    async def remove(self, address: Address) -> None:
        self.peers.remove(address)
        await self.publish()

    async def corrupt(self) -> None:
        """Publish a port that no peer can have."""
        await self.server.set_zone(ZONE, ["$TTL 1", "_gossip._tcp SRV 0 0 0 n1", "n1 A 127.0.0.1"])

    async def publish(self) -> None:
        lines = ["$TTL 1"]
        for number, peer in enumerate(self.peers):
            lines += [f"_gossip._tcp SRV 0 0 {peer.port} n{number}", f"n{number} A {peer.host}"]
        await self.server.set_zone(ZONE, lines)


class OfDns:
    """What the suites are told of ``dns``."""

    provider = "dns"
    timeout = 1.0

    def make_backend(self, directory: Path) -> Zone:
        return Zone(directory)

    def settings(self, backend: Zone) -> dict[str, Any]:
        server = f"{backend.server.host}:{backend.server.port}"
        return {"service": f"_gossip._tcp.{ZONE}.", "nameservers": [server]}


class TestDiscoverer(OfDns, DiscovererContract):
    capabilities = frozenset({"change", "stop", "pause", "corrupt"})


class TestHealthCheck(OfDns, HealthCheckContract):
    capabilities = frozenset({"stop", "pause"})


class TestPlugin(PluginContract):
    provider = "dns"

    def settings(self, backend: Backend) -> dict[str, Any]:
        return {"service": "peers.contract.test", "nameservers": ["127.0.0.1:53"]}
