"""Find, load and call plugins, so that a bad one is named and harms nobody else."""

from __future__ import annotations

from engram_discovery.host.host import PluginHost
from engram_discovery.host.records import PluginRecord, PluginState

__all__ = ["PluginHost", "PluginRecord", "PluginState"]
