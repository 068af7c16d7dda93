"""The provider ``static`` keeps the promises of a plugin; of a discoverer, those that need no server."""

from __future__ import annotations

from engram_discovery.testing.contracts import DiscovererContract, PluginContract


class TestPlugin(PluginContract):
    provider = "static"

    def settings(self, backend):
        return {"seed_nodes": ["192.0.2.1:7946"]}


class TestDiscoverer(DiscovererContract):
    provider = "static"
