"""A directory of plugins that are really installed: metadata and modules on the import path."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from textwrap import dedent

_HEADER = """
from pydantic import BaseModel, ConfigDict
from engram_discovery.hookspecs import hookimpl
from engram_discovery.types import CheckResult, CheckStatus, Empty, ProviderInfo

class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

def offer(name, **more):
    return [ProviderInfo(name=name, settings_model=Settings, summary="a test", **more)]

class Nobody:
    label = "nobody"
    async def discover(self): return Empty(self.label)
    async def aclose(self): pass
"""


#: Reads its connection in a task of its own, by a task of that one, and ends both when it is closed, or does not.
LEAKING = """
import asyncio

class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    leaks: bool = False
    stubborn: bool = False

class Acme:
    def __init__(self, settings):
        self.settings, self.reading = settings, None

    async def discover(self):
        self.reading = self.reading or asyncio.create_task(self.read())
        return Empty("nobody")

    async def read(self):
        await asyncio.create_task(self.receive())

    async def receive(self):
        for _ in range(3 if self.settings.stubborn else 1):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if not self.settings.stubborn:
                    raise

    async def aclose(self):
        if self.reading is not None and not self.settings.leaks:
            self.reading.cancel()

@hookimpl
def engram_providers():
    return offer("acme")

@hookimpl
def engram_create_discoverer(provider, settings, context):
    return Acme(settings) if provider == "acme" else None
"""


def working(name: str, reason: str = "nobody") -> str:
    """Give the source of a plugin that works, and whose discoverer answers ``Empty(reason)``."""
    return f"""
@hookimpl
def engram_providers():
    return offer("{name}")

@hookimpl
def engram_create_discoverer(provider, settings, context):
    if provider == "{name}":
        made = Nobody()
        made.label = "{reason}"
        return made
"""


@dataclass
class Site:
    """A directory on the import path, into which a test installs plugins."""

    path: Path

    def install(self, distribution: str, *, version: str = "1.0", **plugins: str) -> None:
        """Install a distribution with one entry point, of that name and source, per keyword."""
        lines = ["[engram_discovery]"]
        for name, source in plugins.items():
            module = self.module(distribution, name)
            (self.path / f"{module}.py").write_text(dedent(_HEADER) + dedent(source))
            lines.append(f"{name} = {module}")
        self.metadata(distribution, version=version, entry_points="\n".join(lines))

    def metadata(self, distribution: str, *, version: str = "1.0", entry_points: str) -> None:
        """Write the metadata of a distribution."""
        info = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)

    def module(self, distribution: str, name: str) -> str:
        return f"site_{distribution.replace('-', '_')}_{name}"

    def imported(self, distribution: str, name: str) -> bool:
        """Tell whether a plugin's module was imported."""
        return self.module(distribution, name) in sys.modules

    @property
    def entry_points(self) -> list[EntryPoint]:
        """What is installed here, and nothing else."""
        found = [
            d.entry_points.select(group="engram_discovery") for d in distributions(path=[str(self.path)])
        ]
        return [entry_point for group in found for entry_point in group]


#: How an error names the plugin of the distribution acme-discovery.
NAMED = r'^plugin "acme" \(acme-discovery 1\.0\) '
#: The source of a plugin that offers the provider acme, and nothing else yet.
OFFER = """
@hookimpl
def engram_providers():
    return offer("acme")
"""
