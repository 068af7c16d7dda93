"""Find, load and call plugins, so that a bad one is named and harms nobody else."""

from __future__ import annotations

from engram_discovery.plugins.host import PluginHost
from engram_discovery.plugins.records import PluginRecord, PluginState

__all__ = ["PluginHost", "PluginRecord", "PluginState"]
