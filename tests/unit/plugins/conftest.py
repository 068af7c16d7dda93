"""Plugins that are really installed: metadata and modules on the import path."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, distributions
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.clock import SystemClock
from engram_discovery.hookspecs import PluginContext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    yield Site(tmp_path)
    for name in [name for name in sys.modules if name.startswith("site_")]:
        del sys.modules[name]


@dataclass
class Log:
    """A logger that remembers."""

    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def debug(self, event: str, **facts: Any) -> None:
        self.events.append(("debug", event, facts))

    def info(self, event: str, **facts: Any) -> None:
        self.events.append(("info", event, facts))

    def warning(self, event: str, **facts: Any) -> None:
        self.events.append(("warning", event, facts))

    def error(self, event: str, **facts: Any) -> None:
        self.events.append(("error", event, facts))

    def bind(self, **_facts: Any) -> Log:
        return self


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def context(log: Log) -> PluginContext:
    return PluginContext(provider="acme", identity=None, logger=log, clock=SystemClock())


@pytest.fixture
def plugin_source() -> Any:
    """The source of a plugin that works: ``plugin_source(name, reason="nobody")``."""
    return working
