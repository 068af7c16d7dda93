"""Contract suites: subclass one in your tests, describe how to drive your server, and pytest checks every promise.

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

The host creates the provider from the installed plugin, as in a real node. A capability that is not declared is
skipped, and ``pytest -rs`` lists it by name. Every test's docstring is the promise that it checks.
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
