"""One import for plugin authors: the contract, its values and errors, setting types, and the author's kit.

A provider is complete with a settings model, a discoverer, and this in ``plugin.py``::

    from engram_discovery.provider import Discoverer, PluginContext, ProviderInfo, ProviderPlugin
    from my_package.settings import FileSettings

    def create_discoverer(settings: FileSettings, context: PluginContext) -> Discoverer:
        from my_package.discoverer import FileDiscoverer  # imports the client library

        return FileDiscoverer(settings, context)

    plugin = ProviderPlugin(
        ProviderInfo(name="file", settings_model=FileSettings, summary="peers from a JSON file"),
        discoverer=create_discoverer,
    )

and an entry point ``file = "my_package.plugin:plugin"`` of the group ``engram_discovery``. First-party plugins import
from here and from ``engram_discovery.testing`` only. Importing this module imports no client library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engram_discovery._text import comma_list, error_text, printable
from engram_discovery.errors import (
    CallFailedError,
    DiscoveryError,
    EngramDiscoveryError,
    FailureKind,
    RegistrationError,
    ResolutionError,
)
from engram_discovery.hookspecs import API_VERSION, MembershipConfig, PluginContext, hookimpl
from engram_discovery.network.address import (
    DEFAULT_GOSSIP_PORT,
    Address,
    canonical_host,
    format_address,
    is_wildcard,
    parse_address,
)
from engram_discovery.network.resolver import resolve
from engram_discovery.protocols import (
    Discoverer,
    HealthCheck,
    Membership,
    Registrar,
    WatchingDiscoverer,
    WatchingRegistrar,
)
from engram_discovery.runtime.clock import Clock
from engram_discovery.runtime.log import Logger
from engram_discovery.runtime.warn_on_change import WarnOnChange
from engram_discovery.settings.field_info import FieldKind, Phrase, expect_text
from engram_discovery.settings.field_types import (
    BindAddress,
    Delay,
    Duration,
    Names,
    PeerAddress,
    Port,
    SecretList,
    Table,
    format_duration,
    split_list,
)
from engram_discovery.settings.secrets import Secret
from engram_discovery.settings.toml_file import read_bounded
from engram_discovery.types import (
    CheckResult,
    CheckStatus,
    Empty,
    Endpoint,
    Found,
    JoinAttempt,
    JoinOutcome,
    JoinReport,
    Lease,
    Member,
    MembershipEvent,
    NodeIdentity,
    NodeRecord,
    NodeState,
    ProviderInfo,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "API_VERSION",
    "DEFAULT_GOSSIP_PORT",
    "Address",
    "BindAddress",
    "CallFailedError",
    "CheckResult",
    "CheckStatus",
    "Clock",
    "Delay",
    "Discoverer",
    "DiscoveryError",
    "Duration",
    "Empty",
    "Endpoint",
    "EngramDiscoveryError",
    "FailureKind",
    "FieldKind",
    "Found",
    "HealthCheck",
    "JoinAttempt",
    "JoinOutcome",
    "JoinReport",
    "Lease",
    "Logger",
    "Member",
    "Membership",
    "MembershipConfig",
    "MembershipEvent",
    "Names",
    "NodeIdentity",
    "NodeRecord",
    "NodeState",
    "PeerAddress",
    "Phrase",
    "PluginContext",
    "Port",
    "ProviderInfo",
    "ProviderPlugin",
    "Registrar",
    "RegistrationError",
    "ResolutionError",
    "Secret",
    "SecretList",
    "Table",
    "WarnOnChange",
    "WatchingDiscoverer",
    "WatchingRegistrar",
    "canonical_host",
    "comma_list",
    "error_text",
    "expect_text",
    "format_address",
    "format_duration",
    "hookimpl",
    "is_wildcard",
    "parse_address",
    "printable",
    "read_bounded",
    "resolve",
    "split_list",
]


class ProviderPlugin:
    """The hooks of a plugin that declares one provider, made from its factories.

    Each factory is called with an instance of the provider's settings model and a ``PluginContext``, on a thread
    without an event loop and for a bounded time; it imports the client library and creates the object without I/O.

    Args:
        info: The declaration of the provider.
        discoverer: Creates the discoverer.
        registrar: Creates the registrar; None if the provider does not register.
        health_checks: Creates the health checks; None if there are none.
    """

    def __init__(
        self,
        info: ProviderInfo,
        *,
        discoverer: Callable[[Any, PluginContext], Discoverer],
        registrar: Callable[[Any, PluginContext], Registrar] | None = None,
        health_checks: Callable[[Any, PluginContext], Iterable[HealthCheck]] | None = None,
    ) -> None:
        self._info = info
        self._discoverer = discoverer
        self._registrar = registrar
        self._health_checks = health_checks

    @property
    def module(self) -> str:
        """Name of the module that defines the plugin: that of the factory of its discoverer."""
        return self._discoverer.__module__

    @hookimpl
    def engram_providers(self) -> list[ProviderInfo]:
        """Declare the provider; see ``hookspecs``."""
        return [self._info]

    @hookimpl
    def engram_create_discoverer(
        self, provider: str, settings: Any, context: PluginContext
    ) -> Discoverer | None:
        """Create the discoverer, if the provider is this one."""
        return self._discoverer(settings, context) if provider == self._info.name else None

    @hookimpl
    def engram_create_registrar(
        self, provider: str, settings: Any, context: PluginContext
    ) -> Registrar | None:
        """Create the registrar, if the provider is this one and registers."""
        if self._registrar is None or provider != self._info.name:
            return None
        return self._registrar(settings, context)

    @hookimpl
    def engram_create_health_checks(
        self, provider: str, settings: Any, context: PluginContext
    ) -> Iterable[HealthCheck]:
        """Create the health checks, if the provider is this one and has any."""
        if self._health_checks is None or provider != self._info.name:
            return ()
        return self._health_checks(settings, context)
