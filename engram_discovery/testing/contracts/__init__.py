"""Contract suites: subclass one in your tests, say how to drive your server, and pytest runs every promise.

    from engram_discovery.testing.contracts import Backend, DiscovererContract, PluginContract

    class TestPlugin(PluginContract):
        provider = "acme"

        def settings(self, backend):
            return {"url": "http://127.0.0.1:1"}

    class TestDiscoverer(DiscovererContract):
        provider = "acme"
        capabilities = frozenset({"change", "stop"})

        def make_backend(self, directory):
            return AcmeServer(directory)  # a Backend: start, stop, add, remove …

        def settings(self, backend):
            return {"url": backend.url}

The provider is made by the host, from the installed plugin, as in a real node. What ``capabilities`` does not name is
skipped, and pytest says so by name. Every test's docstring is the promise that it checks.
"""

from engram_discovery.testing.contracts.backend import Backend
from engram_discovery.testing.contracts.discoverer import DiscovererContract
from engram_discovery.testing.contracts.health import HealthCheckContract
from engram_discovery.testing.contracts.membership import MembershipContract
from engram_discovery.testing.contracts.plugin import PluginContract
from engram_discovery.testing.contracts.registrar import RegistrarContract

__all__ = [
    "Backend",
    "DiscovererContract",
    "HealthCheckContract",
    "MembershipContract",
    "PluginContract",
    "RegistrarContract",
]
