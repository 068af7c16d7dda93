"""The provider ``json_file`` keeps every promise of a plugin and of a watching discoverer."""

from __future__ import annotations

import json
from pathlib import Path

from engram_discovery.provider import Address, format_address
from engram_discovery.testing.contracts import Backend, DiscovererContract, PluginContract


class JsonFile(Backend):
    """The file: stopped when it is not there."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "peers.json"
        self.peers: list[str] = []

    async def start(self) -> None:
        self.write(json.dumps(self.peers))

    async def stop(self) -> None:
        self.path.unlink(missing_ok=True)

    async def add(self, address: Address) -> None:
        self.peers.append(format_address(address))
        await self.start()

    async def remove(self, address: Address) -> None:
        self.peers.remove(format_address(address))
        await self.start()

    async def corrupt(self) -> None:
        self.write('["127.0.0.1:7946", ')

    def write(self, text: str) -> None:
        """Write beside the file and rename: a reader never sees half of it."""
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.replace(self.path)


class OfJsonFile:
    """What both suites need."""

    provider = "json_file"

    def make_backend(self, directory: Path) -> JsonFile:
        return JsonFile(directory)

    def settings(self, backend: JsonFile) -> dict[str, object]:
        return {"path": str(backend.path), "poll_interval": "20ms"}


class TestPlugin(OfJsonFile, PluginContract): ...


class TestDiscoverer(OfJsonFile, DiscovererContract):
    capabilities = frozenset({"change", "stop", "corrupt", "watch"})
