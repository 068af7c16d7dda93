"""The provider ``consul`` keeps every promise of plugin, discoverer, registrar and check, with a real agent."""

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
    RegistrarContract,
)
from tests.servers.backend import ServerBackend
from tests.servers.consul import Consul

pytestmark = pytest.mark.server


class Agent(ServerBackend[Consul]):
    """An agent that is a server, with its data on disk; what others see are the services that pass."""

    def __init__(self, directory: Path) -> None:
        super().__init__(Consul(directory, in_memory=False))

    async def add(self, address: Address) -> None:
        await self.server.add(f"peer-{address.host}", port=address.port, Address=address.host)

    async def remove(self, address: Address) -> None:
        await self.server.remove(f"peer-{address.host}")

    async def registered(self) -> dict[str, Address]:
        entries = (await self.server.call("GET", "health/service/engram?passing=true")).json()
        services = [entry["Service"] for entry in entries]
        return {one["Meta"]["node_id"]: Address(one["Address"], one["Port"]) for one in services}

    async def forget(self, node_id: str) -> None:
        await self.server.remove(f"engram-{node_id}")


class OfConsul:
    """What the suites are told of ``consul``."""

    provider = "consul"

    def make_backend(self, directory: Path) -> Agent:
        return Agent(directory)

    def settings(self, backend: Agent) -> dict[str, Any]:
        return {"addr": backend.server.addr, "check": "ttl", "ttl": 3}


class TestDiscoverer(OfConsul, DiscovererContract):
    capabilities = frozenset({"change", "stop", "pause", "watch"})


class TestRegistrar(OfConsul, RegistrarContract):
    capabilities = frozenset({"lease", "watch", "forget", "stop", "pause"})


class Registered(Agent):
    """An agent that has our own record: without it the check warns."""

    async def start(self) -> None:
        await super().start()
        await self.server.add("engram-contract-1")


class TestHealthCheck(OfConsul, HealthCheckContract):
    capabilities = frozenset({"stop", "pause"})

    def make_backend(self, directory: Path) -> Registered:
        return Registered(directory)


class TestPlugin(PluginContract):
    provider = "consul"
    secrets = ("canary-secret",)

    def settings(self, backend: Backend) -> dict[str, Any]:
        return {"addr": "127.0.0.1:8500", "token": self.secrets[0]}
