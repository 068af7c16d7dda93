"""The plugin host: a typed front to pluggy that imports only what was asked for, and trusts none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

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
    from engram_discovery.host.entry import Candidate
    from engram_discovery.host.records import PluginRecord
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import ProviderInfo

__all__ = ["PluginHost"]


class PluginHost:
    """Holds the plugins of one node. An instance, never global: two in one process do not see each other.

    Installed plugins are known by their entry points and imported when one of their providers is asked for.
    Only the plugin that owns a provider is asked to make its objects. Wrappers round the factories apply, to
    every provider, if the program registered them or if ``allow`` names them; else not at all.

    A plugin's code runs on a thread without an event loop and for a bounded time. Whatever it does, the error
    is a ``PluginError`` that names plugin, distribution, version and hook. Use a host from one thread.

    Args:
        allow: Names of entry points or distributions that may be imported; None means all.
        deny: Names of entry points or distributions that must not be; stronger than ``allow``.
        strict: Whether a broken plugin that nobody selected is an error too. Imports all that are enabled.
        logger: Told of broken plugins that nobody selected.
        entry_points: What is installed; read from the environment's metadata, when first needed, if None.
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
        call_timeout: float = 10.0,
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
        """Add a plugin of the program's own, any object with hooks; ``allow`` and ``deny`` do not apply.

        Raises:
            PluginConflictError: A plugin was registered under this name before.
            PluginError: It cannot be used; see ``provider``.
        """
        self._catalogue.register(plugin, name=name)

    def known_providers(self) -> frozenset[str]:
        """Name the providers that can be asked for. Imports nothing, so some may turn out to be broken."""
        return self._catalogue.provider_names

    def provider(self, name: str) -> ProviderInfo:
        """Return what a provider's plugin says of it. Imports that plugin, the first time.

        Raises:
            ProviderNotFoundError: Nothing installed offers it, or the settings rule it out.
            PluginConflictError: Several plugins offer it.
            PluginLoadError: Its plugin cannot be imported.
            PluginIncompatibleError: Its plugin does not fit this host.
            PluginError: Its plugin raised or blocked in a hook; or, if ``strict``, any plugin is broken.
        """
        return self._owner(name)[1]

    def load_all(self) -> tuple[PluginRecord, ...]:
        """Import every enabled plugin, each on its own; log what is broken, and return the records."""
        for candidate in self._catalogue.installed:
            self._catalogue.attempt(candidate)
        return self.records()

    def records(self) -> tuple[PluginRecord, ...]:
        """Return what is known of every plugin now, those of the program first. Imports nothing."""
        return tuple(candidate.record() for candidate in self._catalogue.all)

    def create_discoverer(self, provider: str, settings: Any, context: PluginContext) -> Discoverer:
        """Make the discoverer of a provider.

        Raises:
            PluginError: The provider cannot be had (see ``provider``), or it made no discoverer.
        """
        hook = "engram_create_discoverer"
        owner, made = self._make(hook, Discoverer, provider, settings, context)
        if not made:
            raise owner.complaint(f'makes no discoverer for "{provider}": {hook} returned None', PluginError)
        discoverer: Discoverer = made[0]
        return discoverer

    def create_registrar(self, provider: str, settings: Any, context: PluginContext) -> Registrar | None:
        """Make the registrar of a provider; None if it does not register.

        Raises:
            PluginError: The provider cannot be had (see ``provider``), or what it made is no registrar.
        """
        _, made = self._make("engram_create_registrar", Registrar, provider, settings, context)
        return made[0] if made else None

    def create_health_checks(
        self, provider: str, settings: Any, context: PluginContext
    ) -> tuple[HealthCheck, ...]:
        """Make the health checks of a provider, possibly none.

        Raises:
            PluginError: The provider cannot be had (see ``provider``), or one of them is no health check.
        """
        return self._make("engram_create_health_checks", HealthCheck, provider, settings, context)[1]

    def create_membership(self, engine: str, config: MembershipConfig, context: PluginContext) -> Membership:
        """Make a membership engine: ``kinship``, which is built in, or the one of a plugin of that name.

        Raises:
            ProviderNotFoundError: No plugin has that name.
            PluginError: The plugin cannot be had (see ``provider``), or it made no membership engine.
        """
        self._check_strictly()
        owner, hook = self._catalogue.engine(engine), "engram_create_membership"
        decorators = self._catalogue.decorators()
        made = self._calls.make(
            owner, hook, Membership, decorators, engine=engine, settings=config, context=context
        )
        if not made:
            raise owner.complaint(f'makes no membership engine "{engine}": {hook} returned None', PluginError)
        membership: Membership = made[0]
        return membership

    def complain(self, provider: str, what: str) -> PluginError:
        """Note in its record that a provider's plugin misbehaved though it was loaded, and return that as an error."""
        owner, _ = self._catalogue.owner(provider)
        complaint = owner.complaint(f"{what}{remedy(owner)}", PluginError)
        owner.warn(str(complaint))
        return complaint

    def _make(
        self, hook: str, protocol: type, provider: str, settings: Any, context: PluginContext
    ) -> tuple[Candidate, tuple[Any, ...]]:
        owner, _ = self._owner(provider)
        decorators = self._catalogue.decorators()
        made = self._calls.make(
            owner, hook, protocol, decorators, provider=provider, settings=settings, context=context
        )
        return owner, made

    def _owner(self, provider: str) -> tuple[Candidate, ProviderInfo]:
        self._check_strictly()
        return self._catalogue.owner(provider)

    def _check_strictly(self) -> None:
        if self.strict:
            self.load_all()
            for candidate in self._catalogue.installed:
                if candidate.error:
                    raise candidate.error
