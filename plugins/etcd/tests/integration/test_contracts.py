"""The provider ``etcd`` keeps every promise of plugin, discoverer, registrar and health check, with a real etcd."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from engram_discovery.network.address import Address, format_address, parse_address
from engram_discovery.testing.contracts import (
    Backend,
    DiscovererContract,
    HealthCheckContract,
    PluginContract,
    RegistrarContract,
)
from tests.servers.backend import ServerBackend
from tests.servers.etcd import Etcd

pytestmark = pytest.mark.server

FOLDER = "/engram/contract/"


class Keys(ServerBackend[Etcd]):
    """An etcd with a key for each peer."""

    def __init__(self, directory: Path) -> None:
        super().__init__(Etcd(directory))

    async def add(self, address: Address) -> None:
        value = {"Op": 0, "Addr": format_address(address), "Metadata": {}}
        await self.server.ctl("put", self.key(address), json.dumps(value))

    async def remove(self, address: Address) -> None:
        await self.server.ctl("del", self.key(address))

    async def corrupt(self) -> None:
        keys = (await self.server.ctl("get", FOLDER, "--prefix", "--keys-only")).split()
        for key in keys:
            await self.server.ctl("put", key, "half an ans")

    async def registered(self) -> dict[str, Address]:
        found = json.loads(await self.server.ctl("get", FOLDER, "--prefix", "-w", "json")).get("kvs", [])
        values = [json.loads(base64.b64decode(pair["value"])) for pair in found]
        return {value["Metadata"]["node_id"]: parse_address(value["Addr"]) for value in values}

    async def forget(self, node_id: str) -> None:
        await self.server.ctl("del", FOLDER + node_id)

    @staticmethod
    def key(address: Address) -> str:
        return f"{FOLDER}{address.host}"


class OfEtcd:
    """What the suites are told of ``etcd``."""

    provider = "etcd"

    def make_backend(self, directory: Path) -> Keys:
        return Keys(directory)

    def settings(self, backend: Keys) -> dict[str, Any]:
        return {"endpoints": [backend.server.endpoint], "ttl": 3}


class TestDiscoverer(OfEtcd, DiscovererContract):
    capabilities = frozenset({"change", "stop", "pause", "corrupt", "watch"})


class TestRegistrar(OfEtcd, RegistrarContract):
    capabilities = frozenset({"lease", "watch", "replace", "forget", "stop", "pause"})


class TestHealthCheck(OfEtcd, HealthCheckContract):
    capabilities = frozenset({"stop", "pause"})


class TestPlugin(PluginContract):
    provider = "etcd"
    secrets = ("canary-secret",)

    def settings(self, backend: Backend) -> dict[str, Any]:
        return {"endpoints": ["127.0.0.1:2379"], "user": "engram", "password": self.secrets[0]}
