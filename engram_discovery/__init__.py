"""Discovery, registration and cluster formation for the processes of a Python service.

    from engram_discovery import initialize_cluster, load_settings

    async with await initialize_cluster(load_settings("engram.toml")) as cluster:
        print(cluster.membership.members())

Names are imported when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from engram_discovery._version import __version__

if TYPE_CHECKING:
    from engram_discovery.host import PluginHost
    from engram_discovery.http import cluster_app, cluster_routes
    from engram_discovery.node.node import ClusterContext, Distributed, SingleNode
    from engram_discovery.node.startup import initialize_cluster
    from engram_discovery.settings import Settings, load_settings, settings_from

__all__ = [
    "ClusterContext",
    "Distributed",
    "PluginHost",
    "Settings",
    "SingleNode",
    "__version__",
    "cluster_app",
    "cluster_routes",
    "initialize_cluster",
    "load_settings",
    "settings_from",
]

_HOMES = {
    "ClusterContext": "node.node",
    "Distributed": "node.node",
    "PluginHost": "host",
    "Settings": "settings",
    "SingleNode": "node.node",
    "cluster_app": "http",
    "cluster_routes": "http",
    "initialize_cluster": "node.startup",
    "load_settings": "settings",
    "settings_from": "settings",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
