"""Plugins that are really installed, and a logger that remembers."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.hookspecs import PluginContext
from engram_discovery.host import PluginHost
from engram_discovery.runtime.clock import SystemClock
from tests.support.installed_plugins import Site, working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


@pytest.fixture
def host(site: Site, log: Any) -> Any:
    """Make a host over what the test installed."""
    return lambda **more: PluginHost(entry_points=site.entry_points, logger=log, **more)
