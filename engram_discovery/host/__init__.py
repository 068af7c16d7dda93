"""The plugin host: finds, checks, loads and calls plugins; a broken plugin is named and affects no other.

Called by: ``node.provider_factory``, and commands of the CLI.
In: entry points of the group ``engram_discovery``, ``plugins.allow`` and ``plugins.deny``.
Out: objects that implement ``protocols``, and a ``PluginRecord`` for each plugin.

    entry points ──> loading ──> catalogue ──> calls ──hook──> plugin ──> contract_check ──> Discoverer, Registrar, …
                                     └── entry (state, error) <── guard (thread, timeout)
"""

from __future__ import annotations

from engram_discovery.host.entry import PluginRecord, PluginState
from engram_discovery.host.host import PluginHost

__all__ = ["PluginHost", "PluginRecord", "PluginState"]
