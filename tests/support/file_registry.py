"""A provider for tests, installed for node processes only: a folder is its registry, files make it fail.

``seeds`` lists addresses, ``records/`` holds who is registered. ``refuses`` makes every call fail as a registry that is
down would; ``crashes`` makes the plugin raise what it must not.
"""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

from tests.support.node_processes import Node, make_nodes

_PLUGIN = '''
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from engram_discovery.errors import DiscoveryError, FailureKind, RegistrationError
from engram_discovery.hookspecs import hookimpl
from engram_discovery.types import Empty, Endpoint, Found, Lease, ProviderInfo


class Settings(BaseModel):
    """A folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    folder: Path


class FileRegistry:
    def __init__(self, folder):
        self.folder = folder
        self.record = None

    def check(self, error):
        if (self.folder / "crashes").exists():
            raise RuntimeError("this plugin is broken")
        if (self.folder / "refuses").exists():
            raise error("connection refused", kind=FailureKind.REFUSED)

    async def discover(self):
        self.check(DiscoveryError)
        lines = (self.folder / "seeds").read_text().split()
        found = [line.rpartition(":") for line in lines]
        endpoints = tuple(Endpoint(host, int(port), source="file_registry") for host, _, port in found)
        return Found(endpoints, ttl=1.0) if endpoints else Empty("no seeds", ttl=1.0)

    async def register(self, node):
        self.check(RegistrationError)
        self.record = self.folder / "records" / node.identity.node_id
        self.record.parent.mkdir(exist_ok=True)
        self.record.touch()
        return Lease(3.0)

    async def renew(self):
        self.check(RegistrationError)
        if not self.record.exists():
            raise RegistrationError("no such record", kind=FailureKind.NOT_FOUND)
        return Lease(3.0)

    async def verify(self):
        self.check(RegistrationError)
        return self.record.exists()

    async def deregister(self):
        self.record.unlink(missing_ok=True)

    async def aclose(self):
        pass


@hookimpl
def engram_providers():
    what = frozenset({"discover", "register"})
    return [ProviderInfo(name="file_registry", settings_model=Settings, summary="a folder", capabilities=what)]


@hookimpl
def engram_create_discoverer(provider, settings, context):
    return FileRegistry(settings.folder) if provider == "file_registry" else None


@hookimpl
def engram_create_registrar(provider, settings, context):
    return FileRegistry(settings.folder) if provider == "file_registry" else None
'''


def install(site: Path) -> dict[str, str]:
    """Install the provider into a folder; return the environment in which a process finds it."""
    info = site / "engram_test_file_registry-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: engram-test-file-registry\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[engram_discovery]\nfile_registry = engram_test_file_registry\n")
    (site / "engram_test_file_registry.py").write_text(dedent(_PLUGIN))
    return {**os.environ, "PYTHONPATH": str(site)}


def make_file_registry(folder: Path, seeds: list[str]) -> Path:
    """Make a registry that lists these addresses."""
    folder.mkdir()
    (folder / "seeds").write_text("\n".join(seeds))
    return folder


def make_cluster(folder: Path, count: int = 3) -> tuple[list[Node], Path]:
    """Make nodes that share one registry, and return it with them."""
    environment = install(folder / "site")
    nodes = make_nodes(folder, count)
    registry = make_file_registry(folder / "registry", [node.gossip for node in nodes])
    for node in nodes:
        node.settings, node.environment = settings(registry), environment
    return nodes, registry


def settings(file_registry: Path, name: str = "test") -> str:
    """Write the settings of a node that uses a registry."""
    return dedent(f"""\
        [cluster]
        enabled = true
        name = "{name}"
        discovery = "file_registry"
        [cluster.file_registry]
        folder = "{file_registry}"
        [cluster.join]
        heal_interval = "2s"
        [cluster.health]
        interval = "2s"
        """)
