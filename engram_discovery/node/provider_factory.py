"""The selected providers of one node: their settings validated, their objects made by the plugin host."""

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

__all__ = ["COMMAND_LINE", "Providers", "make_host"]

#: Name of the source of addresses that were named on the command line.
COMMAND_LINE = "command-line"

_OURS = "engram-discovery"


def make_host(plugins: PluginsSettings, logger: Logger | None = None) -> PluginHost:
    """Make a plugin host as the table ``[cluster.plugins]`` says. Imports no plugin yet."""
    return PluginHost(allow=plugins.allow, deny=plugins.deny, strict=plugins.strict, logger=logger)


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Makes what the settings select. The table of a provider is validated once, and all its objects share it.

    Attributes:
        settings: Which providers, and the table of each.
        host: Where they come from.
        identity: This node; None for a command that only looks.
        clock: Given to every object.
        logger: Given to every object, with the provider's name bound.
        random: Given to the sources.
        join: Addresses named on the command line, always asked besides.
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
        """Make the sources, in order, and their memory on disk.

        Raises:
            SettingsError: A provider's table is wrong.
            PluginError: A provider is missing or broken.
        """
        cluster = self.settings.cluster
        cache = None
        if cluster.data_dir is not None and self.identity is not None:
            cache = PeerCache(cluster.data_dir / "peers.json", cluster=cluster.name, logger=self.logger)
        sources = [self._source(name) for name in cluster.discovery]
        also = [self._command_line()] if self.join else []
        return Discovery(
            sources,
            mode=cluster.discovery_mode,
            cache=cache,
            also=also,
            clock=self.clock,
            logger=self.logger,
        )

    def health_checks(self) -> list[HealthCheck]:
        """Make the health checks of all selected providers."""
        made = [
            (name, check)
            for name in self.settings.cluster.discovery
            for check in self.host.create_health_checks(name, self._table(name), self._context(name))
        ]
        self._checks.update((check.name, name) for name, check in made)
        return [check for _, check in made]

    def registrars(self) -> dict[str, Registrar]:
        """Make the registrars of those selected providers that register, by provider."""
        made = {
            name: self.host.create_registrar(name, self._table(name), self._context(name))
            for name in self.settings.cluster.discovery
        }
        return {name: registrar for name, registrar in made.items() if registrar is not None}

    def membership(self, config: MembershipConfig) -> Membership:
        """Make the membership engine."""
        return self.host.create_membership("kinship", config, self._context("kinship"))

    def track_tasks_of(self, plugin_calls: Iterable[PluginCall]) -> None:
        """Register calls whose leaked tasks are reported at close, by provider or check name."""
        for plugin_call in plugin_calls:
            provider = self._checks.get(plugin_call.name, plugin_call.name)
            if provider in self.settings.cluster.discovery:
                self._plugin_calls[plugin_call] = provider

    async def end_leaked_tasks(self) -> list[PluginError]:
        """Cancel the tasks that plugins left running; call when all that was made is closed. Takes seconds at most.

        Returns:
            One complaint for each provider that left some, which is logged and in the host's record, too.
        """
        await end_leaked_tasks(plugin_call.owner for plugin_call in self._plugin_calls)
        left: dict[str, list[str]] = {}
        for plugin_call, provider in self._plugin_calls.items():
            if plugin_call.leaked_tasks:
                left.setdefault(provider, []).extend(plugin_call.leaked_tasks)
        return [self._complain(provider, tasks) for provider, tasks in left.items()]

    def _complain(self, provider: str, tasks: list[str]) -> PluginError:
        names = ", ".join(sorted(set(tasks)))
        count = "a task" if len(tasks) == 1 else f"{len(tasks)} tasks"
        complaint = self.host.complain(provider, f"left {count} running after aclose: {names}")
        self.logger.warning("plugin.tasks_leaked", provider=provider, tasks=len(tasks), error=str(complaint))
        return complaint

    def _source(self, name: str) -> Source:
        context = self._context(name)
        discoverer = self.host.create_discoverer(name, self._table(name), context)
        if self._is_foreign(name):
            own = PluginCall(name, self.clock, self.logger)
            self.track_tasks_of([own])
            discoverer = on_separate_thread(discoverer, own)
        return self._keep_fresh(name, discoverer, context)

    def _command_line(self) -> Source:
        """Make the source of the addresses named by ``--join``: seeds like any other, of a list of their own."""
        context = self._context(COMMAND_LINE)
        table = self.host.provider("static").settings_model(seed_nodes=self.join)
        return self._keep_fresh(COMMAND_LINE, self.host.create_discoverer("static", table, context), context)

    def _keep_fresh(self, name: str, discoverer: Discoverer, context: PluginContext) -> Source:
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

    def _is_foreign(self, name: str) -> bool:
        """Tell whether a stranger's code answers, which may block the loop: it gets a thread of its own.

        Not if it registers too: its client, opened on one event loop, cannot be used on another.
        """
        info = self.host.provider(name)
        owners = [record.distribution for record in self.host.records() if name in record.providers]
        return "register" not in info.capabilities and any(
            owner is not None and not owner.startswith(_OURS) for owner in owners
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
