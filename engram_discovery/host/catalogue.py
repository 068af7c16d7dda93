"""Know every plugin there is, find the one that owns a provider, and load it when it is asked for."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from engram_discovery.errors import PluginConflictError, PluginError, PluginIncompatibleError
from engram_discovery.host.entry import Candidate, normalised
from engram_discovery.host.loading import conflict, find_candidates, import_plugin, installed_entry_points
from engram_discovery.host.offers import offer_problem
from engram_discovery.host.records import PluginState
from engram_discovery.host.unknown import disabled, not_found
from engram_discovery.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from importlib.metadata import EntryPoint

    from engram_discovery.host.calls import HookCalls
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import ProviderInfo

__all__ = ["Catalogue"]


class Catalogue:
    """The plugins installed and those that the program registered; arguments as of ``PluginHost``."""

    def __init__(
        self,
        calls: HookCalls,
        *,
        allow: Collection[str] | None,
        deny: Collection[str],
        logger: Logger | None,
        entry_points: Iterable[EntryPoint] | None,
        timeout: float,
    ) -> None:
        self._calls = calls
        self._allow = None if allow is None else _spellings(allow)
        self._deny = _spellings(deny)
        self._logger = logger
        self._entry_points = entry_points
        self._timeout = timeout
        self._registered: list[Candidate] = []
        self._installed: list[Candidate] | None = None

    @property
    def all(self) -> list[Candidate]:
        """Every plugin, those of the program first."""
        return [*self._registered, *self.installed]

    @property
    def installed(self) -> list[Candidate]:
        """The plugins that entry points name. Reads their metadata, the first time."""
        if self._installed is None:
            entry_points = installed_entry_points() if self._entry_points is None else self._entry_points
            self._installed = find_candidates(entry_points, allow=self._allow, deny=self._deny)
            _mark_conflicts(self._installed)
        return self._installed

    @property
    def provider_names(self) -> frozenset[str]:
        """The providers that can be asked for, as far as is known without importing."""
        registered = {info.name for candidate in self._registered for info in candidate.providers}
        return frozenset(registered | {c.name for c in self.installed if c.may_provide})

    @property
    def _log(self) -> Logger:
        return self._logger or get_logger("engram_discovery.host")

    def register(self, plugin: object, *, name: str) -> None:
        """Add a plugin of the program's own. Raises as ``PluginHost.register``."""
        if any(candidate.name == name for candidate in self._registered):
            raise PluginConflictError(f'a plugin "{name}" is registered already', plugin=name)
        candidate = Candidate(name=name, decorates=True)
        self._adopt(candidate, plugin)
        self._registered.append(candidate)

    def owner(self, provider: str) -> tuple[Candidate, ProviderInfo]:
        """Return a provider's plugin, loaded, and what it says of it. Raises as ``PluginHost.provider``."""
        claimants = [candidate for candidate in self.all if candidate.claims(provider)]
        owner = self._only("discovery provider", provider, claimants, self.provider_names)
        info = owner.provider(provider)
        if info is None:
            raise owner.complaint(f'offers no provider "{provider}"', PluginIncompatibleError)
        return owner, info

    def engine(self, name: str) -> Candidate:
        """Return the plugin of a membership engine, loaded. Raises as ``PluginHost.create_membership``."""
        named = [candidate for candidate in self.all if candidate.name == name]
        return self._only("membership engine", name, named, {c.name for c in self.all if c.enabled})

    def decorators(self) -> list[Candidate]:
        """Load the plugins whose wrappers decorate any provider; leave out those that are broken."""
        for candidate in self.installed:
            if candidate.decorates:
                self.attempt(candidate)
        return [c for c in self.all if c.decorates and c.state is PluginState.LOADED]

    def attempt(self, candidate: Candidate) -> None:
        """Load a plugin that nobody selected, if it is enabled; if it is broken, log that and go on."""
        if candidate.state is PluginState.AVAILABLE:
            try:
                self._load(candidate)
            except PluginError as error:
                self._log.warning("plugin.load_failed", plugin=candidate.name, error=str(error))

    def _only(
        self, kind: str, name: str, claimants: Sequence[Candidate], available: Collection[str]
    ) -> Candidate:
        """Return the one enabled claimant, loaded, or say why there is none."""
        enabled = [candidate for candidate in claimants if candidate.enabled]
        if not claimants:
            raise not_found(kind, name, available)
        if not enabled:
            raise disabled(name, claimants, available)
        if len(enabled) > 1:
            raise conflict(name, enabled)
        self._load(enabled[0])
        return enabled[0]

    def _load(self, candidate: Candidate) -> None:
        if candidate.state is PluginState.AVAILABLE:
            try:
                self._adopt(candidate, import_plugin(candidate, timeout=self._timeout))
            except PluginIncompatibleError as error:
                candidate.fail(PluginState.INCOMPATIBLE, error)
            except PluginError as error:
                candidate.fail(PluginState.FAILED, error)
        if candidate.error:
            raise candidate.error

    def _adopt(self, candidate: Candidate, plugin: object) -> None:
        """Register the hooks of a plugin and ask it what it offers; leave nothing behind if that fails."""
        known = [*self._registered, *(self._installed or ())]
        shared = any(other.plugin is plugin for other in known)  # two entry points may name one module
        candidate.plugin = plugin
        if not shared:
            self._calls.register(candidate)
        try:
            candidate.providers = self._offers(candidate)
        except PluginError:
            if not shared:
                self._calls.unregister(candidate)
            raise
        candidate.state = PluginState.LOADED
        for warning in candidate.warnings:
            self._log.warning("plugin.deprecated", plugin=candidate.name, warning=warning)

    def _offers(self, candidate: Candidate) -> tuple[ProviderInfo, ...]:
        offers = self._calls.offers(candidate)
        problem = offer_problem(offers, entry_points=self._siblings(candidate))
        if problem:
            raise candidate.complaint(problem, PluginIncompatibleError)
        own = candidate.entry_point is None
        return tuple(info for info in offers if own or info.name == candidate.name)

    def _siblings(self, candidate: Candidate) -> frozenset[str] | None:
        if candidate.entry_point is None:
            return None
        return frozenset(c.name for c in self.installed if c.distribution == candidate.distribution)


def _spellings(names: Collection[str]) -> frozenset[str]:
    return frozenset(names) | {normalised(name) for name in names}


def _mark_conflicts(candidates: list[Candidate]) -> None:
    enabled = sorted((c for c in candidates if c.enabled), key=lambda c: c.name)
    for name, group in groupby(enabled, key=lambda c: c.name):
        rivals = list(group)
        if len(rivals) > 1:
            for rival in rivals:
                rival.fail(PluginState.CONFLICT, conflict(name, rivals))
