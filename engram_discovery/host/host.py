"""The plugin host: a typed facade of pluggy that imports only selected plugins, and guards every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from engram_discovery.defaults import HOOK_TIMEOUT
from engram_discovery.errors import PluginError
from engram_discovery.hookspecs import PROJECT_NAME, HookSpecs
from engram_discovery.host.calls import HookCalls
from engram_discovery.host.catalogue import Catalogue
from engram_discovery.host.guard import remedy
from engram_discovery.protocols import Discoverer, HealthCheck, Membership, Registrar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from importlib.metadata import EntryPoint

    from engram_discovery.hookspecs import MembershipConfig, PluginContext
    from engram_discovery.host.entry import PluginEntry, PluginRecord
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import ProviderInfo

__all__ = ["PluginHost"]


class PluginHost:
    """The plugins of one node. An instance, never global: two in one process are independent.

    Installed plugins are found by their entry points and imported when one of their providers is selected.
    Only the plugin that owns a provider creates its objects. Wrappers around the factories apply to every provider,
    if the program registered them or ``allow`` names them; else not at all (ADR 22).

    A plugin's code runs on a thread without an event loop, for a bounded time. Any failure is a ``PluginError``
    that names plugin, distribution, version and hook. Use a host from one thread.

    Args:
        allow: Names of entry points or distributions that may be imported; None means all.
        deny: Names of entry points or distributions that must not be imported; takes precedence over ``allow``.
        strict: Whether a broken plugin is an error even if it is not selected. Imports all enabled plugins.
        logger: For the events ``plugin.*``.
        entry_points: The installed entry points; if None, read from the metadata of the environment when first needed.
        call_timeout: Seconds for an import or a hook.

    Attributes:
        strict: As given.
    """

    def __init__(
        self,
        *,
        allow: Collection[str] | None = None,
        deny: Collection[str] = (),
        strict: bool = False,
        logger: Logger | None = None,
        entry_points: Iterable[EntryPoint] | None = None,
        call_timeout: float = HOOK_TIMEOUT,
    ) -> None:
        plugins = pluggy.PluginManager(PROJECT_NAME)
        plugins.add_hookspecs(HookSpecs)
        self._calls = HookCalls(plugins, timeout=call_timeout)
        self._catalogue = Catalogue(
            self._calls,
            allow=allow,
            deny=deny,
            logger=logger,
            entry_points=entry_points,
            timeout=call_timeout,
        )
        self.strict = strict

    def register(self, plugin: object, *, name: str) -> None:
        """Add a plugin of the program: any object with hooks; ``allow`` and ``deny`` do not apply.

        Raises:
            PluginConflictError: A plugin was registered under this name before.
            PluginError: It cannot be used; see ``provider``.
        """
        self._catalogue.register(plugin, name=name)

    def known_providers(self) -> frozenset[str]:
        """Return the providers that can be selected. Imports nothing, so some may turn out to be broken."""
        return self._catalogue.provider_names

    def provider(self, name: str) -> ProviderInfo:
        """Return the declaration of a provider. Imports its plugin, the first time.

        Raises:
            ProviderNotFoundError: No installed plugin declares it, or the settings exclude it.
            PluginConflictError: Several plugins declare it.
            PluginLoadError: Its plugin cannot be imported.
            PluginIncompatibleError: Its plugin does not fit this host.
            PluginError: Its plugin raised or blocked in a hook; or, if ``strict``, any plugin is broken.
        """
        return self._owner(name)[1]

    def load_all(self) -> tuple[PluginRecord, ...]:
        """Import every enabled plugin, each separately; log broken ones, and return the records."""
        for entry in self._catalogue.installed:
            self._catalogue.attempt(entry)
        return self.records()

    def records(self) -> tuple[PluginRecord, ...]:
        """Return the record of every plugin, those of the program first. Imports nothing."""
        return tuple(entry.record() for entry in self._catalogue.all)

    def create_discoverer(self, provider: str, settings: Any, context: PluginContext) -> Discoverer:
        """Create the discoverer of a provider.

        Raises:
            PluginError: The provider is unavailable (see ``provider``), or it created no discoverer.
        """
        hook = "engram_create_discoverer"
        owner, made = self._make(hook, Discoverer, provider, settings, context)
        if not made:
            raise owner.error_for(
                f'creates no discoverer for "{provider}": {hook} returned None', PluginError
            )
        discoverer: Discoverer = made[0]
        return discoverer

    def create_registrar(self, provider: str, settings: Any, context: PluginContext) -> Registrar | None:
        """Create the registrar of a provider; None if it does not register.

        Raises:
            PluginError: The provider is unavailable (see ``provider``), or the object is not a registrar.
        """
        _, made = self._make("engram_create_registrar", Registrar, provider, settings, context)
        return made[0] if made else None

    def create_health_checks(
        self, provider: str, settings: Any, context: PluginContext
    ) -> tuple[HealthCheck, ...]:
        """Create the health checks of a provider, possibly none.

        Raises:
            PluginError: The provider is unavailable (see ``provider``), or one of them is not a health check.
        """
        return self._make("engram_create_health_checks", HealthCheck, provider, settings, context)[1]

    def create_membership(self, engine: str, config: MembershipConfig, context: PluginContext) -> Membership:
        """Create a membership engine: ``kinship``, which is built in, or that of a plugin of this name.

        Raises:
            ProviderNotFoundError: No plugin has that name.
            PluginError: The plugin is unavailable (see ``provider``), or it created no membership engine.
        """
        self._check_strict()
        owner, hook = self._catalogue.engine(engine), "engram_create_membership"
        decorators = self._catalogue.decorators()
        made = self._calls.make(
            owner, hook, Membership, decorators, engine=engine, settings=config, context=context
        )
        if not made:
            raise owner.error_for(
                f'creates no membership engine "{engine}": {hook} returned None', PluginError
            )
        membership: Membership = made[0]
        return membership

    def record_error(self, provider: str, fault: str) -> PluginError:
        """Add a runtime fault of a provider's plugin to its record, and return it as an error."""
        owner, _ = self._catalogue.owner(provider)
        error = owner.error_for(f"{fault}{remedy(owner)}", PluginError)
        owner.warn(str(error))
        return error

    def _make(
        self, hook: str, protocol: type, provider: str, settings: Any, context: PluginContext
    ) -> tuple[PluginEntry, tuple[Any, ...]]:
        owner, _ = self._owner(provider)
        decorators = self._catalogue.decorators()
        made = self._calls.make(
            owner, hook, protocol, decorators, provider=provider, settings=settings, context=context
        )
        return owner, made

    def _owner(self, provider: str) -> tuple[PluginEntry, ProviderInfo]:
        self._check_strict()
        return self._catalogue.owner(provider)

    def _check_strict(self) -> None:
        if self.strict:
            self.load_all()
            for entry in self._catalogue.installed:
                if entry.error:
                    raise entry.error
