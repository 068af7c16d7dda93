"""Create the objects of the selected providers: settings validated, instances made by the plugin host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engram_discovery._version import __version__
from engram_discovery.hookspecs import MembershipConfig, PluginContext
from engram_discovery.host import PluginHost
from engram_discovery.runtime.plugin_call import PluginCall
from engram_discovery.runtime.task_leaks import end_leaked_tasks
from engram_discovery.sources import Discovery, PeerCache, Source, on_separate_thread

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from engram_discovery.errors import PluginError
    from engram_discovery.protocols import Discoverer, HealthCheck, Membership, Registrar
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.settings import Settings
    from engram_discovery.settings.models import PluginsSettings
    from engram_discovery.types import NodeIdentity

__all__ = ["COMMAND_LINE", "ProviderFactory", "make_host"]

#: Provider name of the addresses given on the command line.
COMMAND_LINE = "command-line"

_OWN_PREFIX = "engram-discovery"


def make_host(plugins: PluginsSettings, logger: Logger | None = None) -> PluginHost:
    """Create a plugin host by the table ``[cluster.plugins]``. Imports no plugin yet."""
    return PluginHost(allow=plugins.allow, deny=plugins.deny, strict=plugins.strict, logger=logger)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFactory:
    """Creates the objects of the selected providers. The table of a provider is validated once and shared by them.

    Attributes:
        settings: The selection, and the table of each provider.
        host: The plugin host.
        identity: This node; None for a command that only reads.
        clock: Passed to every object.
        logger: Passed to every object, with the provider's name bound.
        random: Passed to the sources.
        join: Addresses given on the command line, always used.
    """

    settings: Settings
    host: PluginHost
    identity: NodeIdentity | None
    clock: Clock
    logger: Logger
    random: Random
    join: tuple[str, ...] = ()
    _tables: dict[str, object] = field(default_factory=dict, init=False, repr=False)
    _plugin_calls: dict[PluginCall, str] = field(default_factory=dict, init=False, repr=False)
    _checks: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def discovery(self) -> Discovery:
        """Create the sources, in order, and the peer cache.

        Raises:
            SettingsError: A provider's table is wrong.
            PluginError: A provider is missing or broken.
        """
        cluster = self.settings.cluster
        cache = None
        if cluster.data_dir is not None and self.identity is not None:
            cache = PeerCache(cluster.data_dir / "peers.json", cluster=cluster.name, logger=self.logger)
        sources = [self._source(name) for name in cluster.discovery]
        also = [self._command_line_source()] if self.join else []
        return Discovery(
            sources,
            mode=cluster.discovery_mode,
            cache=cache,
            also=also,
            clock=self.clock,
            logger=self.logger,
        )

    def health_checks(self) -> list[HealthCheck]:
        """Create the health checks of all selected providers."""
        made = [
            (name, check)
            for name in self.settings.cluster.discovery
            for check in self.host.create_health_checks(name, self._table(name), self._context(name))
        ]
        self._checks.update((check.name, name) for name, check in made)
        return [check for _, check in made]

    def registrars(self) -> dict[str, Registrar]:
        """Create the registrars of the selected providers that register, by provider."""
        made = {
            name: self.host.create_registrar(name, self._table(name), self._context(name))
            for name in self.settings.cluster.discovery
        }
        return {name: registrar for name, registrar in made.items() if registrar is not None}

    def membership(self, config: MembershipConfig) -> Membership:
        """Create the membership engine."""
        return self.host.create_membership("kinship", config, self._context("kinship"))

    def track_tasks_of(self, plugin_calls: Iterable[PluginCall]) -> None:
        """Report the tasks that these calls leak, at close, under their provider's name."""
        for plugin_call in plugin_calls:
            provider = self._checks.get(plugin_call.name, plugin_call.name)
            if provider in self.settings.cluster.discovery:
                self._plugin_calls[plugin_call] = provider

    async def end_leaked_tasks(self) -> list[PluginError]:
        """Cancel the tasks that plugins leaked; call after everything is closed. Takes a few seconds at most.

        Returns:
            One error for each provider that leaked some, which is logged and in the host's record, too.
        """
        await end_leaked_tasks(plugin_call.owner for plugin_call in self._plugin_calls)
        left: dict[str, list[str]] = {}
        for plugin_call, provider in self._plugin_calls.items():
            if plugin_call.leaked_tasks:
                left.setdefault(provider, []).extend(plugin_call.leaked_tasks)
        return [self._report_leak(provider, tasks) for provider, tasks in left.items()]

    def _report_leak(self, provider: str, tasks: list[str]) -> PluginError:
        names = ", ".join(sorted(set(tasks)))
        count = "a task" if len(tasks) == 1 else f"{len(tasks)} tasks"
        error = self.host.record_error(provider, f"left {count} running after aclose: {names}")
        self.logger.warning("plugin.tasks_leaked", provider=provider, tasks=len(tasks), error=str(error))
        return error

    def _source(self, name: str) -> Source:
        context = self._context(name)
        discoverer = self.host.create_discoverer(name, self._table(name), context)
        if self._needs_thread(name):
            own = PluginCall(name, self.clock, self.logger)
            self.track_tasks_of([own])
            discoverer = on_separate_thread(discoverer, own)
        return self._make_source(name, discoverer, context)

    def _command_line_source(self) -> Source:
        """Create the source of the addresses given by ``--join``."""
        context = self._context(COMMAND_LINE)
        table = self.host.provider("static").settings_model(seed_nodes=self.join)
        return self._make_source(COMMAND_LINE, self.host.create_discoverer("static", table, context), context)

    def _make_source(self, name: str, discoverer: Discoverer, context: PluginContext) -> Source:
        source = Source(
            name,
            discoverer,
            clock=self.clock,
            logger=self.logger,
            random=self.random,
            timeout=context.timeout,
        )
        self.track_tasks_of([source.plugin_call])
        return source

    def _needs_thread(self, name: str) -> bool:
        """Return whether a third party's discoverer gets a thread of its own, because it may block the loop.

        Not if the provider registers, too: a client opened on one event loop cannot be used on another.
        """
        info = self.host.provider(name)
        owners = [record.distribution for record in self.host.records() if name in record.providers]
        return "register" not in info.capabilities and any(
            owner is not None and not owner.startswith(_OWN_PREFIX) for owner in owners
        )

    def _table(self, name: str) -> object:
        if name not in self._tables:
            self._tables[name] = self.settings.provider_settings(self.host.provider(name))
        return self._tables[name]

    def _context(self, name: str) -> PluginContext:
        return PluginContext(
            provider=name,
            identity=self.identity,
            logger=self.logger.bind(provider=name),
            clock=self.clock,
            cluster=self.settings.cluster.name,
            user_agent=f"engram-discovery/{__version__}",
        )
