"""The provider ``static`` keeps the promises of a plugin, and those of a discoverer that need no server.

The other ones need a source that changes or fails under a discoverer that exists. This one's list is fixed when it is
made, and an empty list, which must be Empty, has nothing that could fail. What its names do is in ``test_static.py``.
"""

from __future__ import annotations

from typing import Any

from engram_discovery.testing.contracts import DiscovererContract, PluginContract


class TestPlugin(PluginContract):
    provider = "static"

    def settings(self, backend: Any) -> Any:
        return {"seed_nodes": ["192.0.2.1:7946"]}


class TestDiscoverer(DiscovererContract):
    provider = "static"
