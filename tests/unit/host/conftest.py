"""Plugins that are really installed, and hosts over them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.hookspecs import PluginContext
from engram_discovery.host import PluginHost
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.testing import RecordingLogger
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


@pytest.fixture
def log() -> RecordingLogger:
    return RecordingLogger()


@pytest.fixture
def context(log: RecordingLogger) -> PluginContext:
    return PluginContext(provider="acme", identity=None, logger=log, clock=SystemClock())


@pytest.fixture
def plugin_source() -> Any:
    """The source of a plugin that works: ``plugin_source(name, reason="nobody")``."""
    return working


@pytest.fixture
def host(site: Site, log: Any) -> Any:
    """Make a host over what the test installed."""
    return lambda **more: PluginHost(entry_points=site.entry_points, logger=log, **more)
