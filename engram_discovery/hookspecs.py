"""The hooks by which a plugin adds providers. All are synchronous, cheap and free of I/O.

A plugin is a module named by an entry point of group ``engram_discovery``; one entry point per provider, under the
provider's name. Objects made by the factories do the work; see ``protocols``. A complete plugin::

    # pyproject.toml:  [project.entry-points.engram_discovery]
    #                  file = "my_package.plugin"
    from engram_discovery.hookspecs import hookimpl
    from engram_discovery.types import ProviderInfo
    from my_package.settings import FileSettings

    @hookimpl
    def engram_providers():
        return [ProviderInfo(name="file", settings_model=FileSettings, summary="peers from a JSON file")]

    @hookimpl
    def engram_create_discoverer(provider, settings, context):
        if provider != "file":
            return None
        from my_package.discoverer import FileDiscoverer  # the client library is imported here, not above

        return FileDiscoverer(settings, context)

The host calls hooks on a thread of its own, without a running event loop, and waits a bounded time: make
the object there, and let its first coroutine open the connections.

A plugin can decorate the objects of any provider by a wrapper round a factory, if the program registered it
or ``plugins.allow`` names it. It sits in a module of its own; its entry point need not offer a provider::

    @hookimpl(wrapper=True)
    def engram_create_discoverer(provider, settings, context):
        discoverer = yield
        return discoverer and NearestZone(discoverer)

How the contract changes. A later version of ``engram-discovery`` may

- add hooks, and append arguments to a hook. A plugin is passed only those that it names; one that needs a new one
  depends on the version that brought it, since an older host refuses it;
- add fields with defaults to ``PluginContext`` and to the types, and optional methods to protocols, like ``watch``;
- deprecate a hook or an argument. It continues to work, and its users get the replacement: by the log event
  ``plugin.deprecated``, by the commands ``plugins --all`` and ``doctor``, and by a ``DeprecationWarning``, which pytest
  shows to the plugin's authors.

Anything else that would break a plugin, such as dropping what is deprecated, raises ``API_VERSION``. A host refuses
a plugin whose ``ProviderInfo.requires_api`` is another version than its own, and names which of the two to upgrade.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import SecretStr

    from engram_discovery.network.address import Address
    from engram_discovery.protocols import Discoverer, HealthCheck, Membership, Registrar
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import NodeIdentity, ProviderInfo

__all__ = [
    "API_VERSION",
    "PROJECT_NAME",
    "HookSpecs",
    "MembershipConfig",
    "PluginContext",
    "hookimpl",
    "hookspec",
]

#: Version of the contract between host and plugins.
API_VERSION = 1

#: Name of the pluggy project and of the entry point group.
PROJECT_NAME = "engram_discovery"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """What the host hands to a factory: no host internals, no environment, no other plugin's settings.

    Attributes:
        provider: Name of the provider asked for.
        identity: This node, or None where there is none (``engram-discovery discover``).
        logger: A logger bound to the provider.
        clock: The clock to use for every wait and age.
        cluster: Name of the cluster; also there where there is no identity.
        timeout: Seconds that the host allows for one call to the outside.
        default_port: The port to use for an endpoint whose source names none.
        user_agent: What to call ourselves to a server.
    """

    provider: str
    identity: NodeIdentity | None
    logger: Logger
    clock: Clock
    cluster: str = "engram"
    timeout: float = 5.0
    default_port: int = 7946
    user_agent: str = "engram-discovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipConfig:
    """What a membership engine is built from.

    Attributes:
        identity: This node.
        bind: Address to bind; may be a wildcard, and port 0 lets the system choose.
        advertise: Address that others reach us at; never a wildcard. Port 0 means: the bound port.
        api_addr: API address to gossip.
        keys: Gossip keys (base64, 32 bytes), the first encrypts; empty means plaintext.
        spaces: Memory spaces to gossip.
        zone: Availability zone to gossip.
        forget_left_after: Seconds for which a member that left is still listed.
        forget_dead_after: Seconds for which a dead member is still listed.
        tuning: The table ``[cluster.swim]``, engine-specific.
    """

    identity: NodeIdentity
    bind: Address
    advertise: Address
    api_addr: Address | None
    keys: tuple[SecretStr, ...] = ()
    spaces: tuple[str, ...] = ()
    zone: str | None = None
    forget_left_after: float = 60.0
    forget_dead_after: float = 3600.0
    tuning: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class HookSpecs:
    """The hooks of contract version 1. Arguments are passed by name; implement only the ones you need."""

    @hookspec
    def engram_providers(self) -> Iterable[ProviderInfo]:
        """Name the providers that this plugin offers. Called once, when the plugin is loaded."""
        return ()

    @hookspec(firstresult=True)
    def engram_create_discoverer(
        self, provider: str, settings: Any, context: PluginContext
    ) -> Discoverer | None:
        """Make a discoverer, or return None if the provider is another plugin's.

        Args:
            provider: The name asked for.
            settings: An instance of the provider's settings model.
            context: See ``PluginContext``.
        """

    @hookspec(firstresult=True)
    def engram_create_registrar(
        self, provider: str, settings: Any, context: PluginContext
    ) -> Registrar | None:
        """Make a registrar, or return None if the provider is another's or does not register."""

    @hookspec
    def engram_create_health_checks(
        self, provider: str, settings: Any, context: PluginContext
    ) -> Iterable[HealthCheck]:
        """Make the health checks of a provider; an empty list if it has none or is another plugin's."""
        return ()

    @hookspec(firstresult=True)
    def engram_create_membership(
        self, engine: str, settings: MembershipConfig, context: PluginContext
    ) -> Membership | None:
        """Make a membership engine, or return None if the engine is another plugin's."""
