"""The catalogue of all plugins: finds the owner of a provider, loads it when needed, or explains why it is missing."""

from __future__ import annotations

import difflib
import importlib.metadata
import re
from itertools import groupby
from typing import TYPE_CHECKING

from engram_discovery.errors import (
    PluginConflictError,
    PluginError,
    PluginIncompatibleError,
    ProviderNotFoundError,
)
from engram_discovery.host.contract_check import declaration_problem
from engram_discovery.host.entry import PluginEntry, PluginState, normalised
from engram_discovery.host.loading import conflict, find_plugins, import_plugin, installed_entry_points
from engram_discovery.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from importlib.metadata import EntryPoint

    from engram_discovery.host.calls import HookCalls
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import ProviderInfo

__all__ = ["Catalogue", "disabled", "first_party", "not_found", "pip_line"]

_EXTRA = re.compile(r"""engram-discovery-([a-z0-9_-]+)\b.*extra\s*==\s*['"]\1['"]""")


class Catalogue:
    """The installed plugins and those that the program registered; arguments as of ``PluginHost``."""

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
        self._registered: list[PluginEntry] = []
        self._installed: list[PluginEntry] | None = None

    @property
    def all(self) -> list[PluginEntry]:
        """Every plugin, those of the program first."""
        return [*self._registered, *self.installed]

    @property
    def installed(self) -> list[PluginEntry]:
        """The plugins named by entry points. Reads their metadata, the first time."""
        if self._installed is None:
            entry_points = installed_entry_points() if self._entry_points is None else self._entry_points
            self._installed = find_plugins(entry_points, allow=self._allow, deny=self._deny)
            _mark_conflicts(self._installed)
        return self._installed

    @property
    def provider_names(self) -> frozenset[str]:
        """The providers that can be selected, as far as is known without importing."""
        registered = {info.name for entry in self._registered for info in entry.providers}
        return frozenset(registered | {c.name for c in self.installed if c.may_provide})

    @property
    def _log(self) -> Logger:
        return self._logger or get_logger("engram_discovery.host")

    def register(self, plugin: object, *, name: str) -> None:
        """Add a plugin of the program's own. Raises as ``PluginHost.register``."""
        if any(entry.name == name for entry in self._registered):
            raise PluginConflictError(f'a plugin "{name}" is already registered', plugin=name)
        entry = PluginEntry(name=name, decorates=True)
        self._adopt(entry, plugin)
        self._registered.append(entry)

    def owner(self, provider: str) -> tuple[PluginEntry, ProviderInfo]:
        """Return the plugin of a provider, loaded, and its declaration. Raises as ``PluginHost.provider``."""
        claimants = [entry for entry in self.all if entry.claims(provider)]
        owner = self._only("discovery provider", provider, claimants, self.provider_names)
        info = owner.provider(provider)
        if info is None:
            raise owner.error_for(f'declares no provider "{provider}"', PluginIncompatibleError)
        return owner, info

    def engine(self, name: str) -> PluginEntry:
        """Return the plugin of a membership engine, loaded. Raises as ``PluginHost.create_membership``."""
        named = [entry for entry in self.all if entry.name == name]
        return self._only("membership engine", name, named, {c.name for c in self.all if c.enabled})

    def decorators(self) -> list[PluginEntry]:
        """Load the plugins whose wrappers decorate any provider; skip broken ones."""
        for entry in self.installed:
            if entry.decorates:
                self.attempt(entry)
        return [c for c in self.all if c.decorates and c.state is PluginState.LOADED]

    def attempt(self, entry: PluginEntry) -> None:
        """Load a plugin that is not selected, if it is enabled; if it is broken, log that."""
        if entry.state is PluginState.AVAILABLE:
            try:
                self._load(entry)
            except PluginError as error:
                self._log.warning("plugin.load_failed", plugin=entry.name, error=str(error))

    def _only(
        self, kind: str, name: str, claimants: Sequence[PluginEntry], available: Collection[str]
    ) -> PluginEntry:
        """Return the one enabled claimant, loaded, or raise why there is none."""
        enabled = [entry for entry in claimants if entry.enabled]
        if not claimants:
            raise not_found(kind, name, available)
        if not enabled:
            raise disabled(name, claimants, available)
        if len(enabled) > 1:
            raise conflict(name, enabled)
        self._load(enabled[0])
        return enabled[0]

    def _load(self, entry: PluginEntry) -> None:
        if entry.state is PluginState.AVAILABLE:
            try:
                self._adopt(entry, import_plugin(entry, timeout=self._timeout))
            except PluginIncompatibleError as error:
                entry.fail(PluginState.INCOMPATIBLE, error)
            except PluginError as error:
                entry.fail(PluginState.FAILED, error)
        if entry.error:
            raise entry.error

    def _adopt(self, entry: PluginEntry, plugin: object) -> None:
        """Register the hooks of a plugin and read its declared providers; roll back if that fails."""
        known = [*self._registered, *(self._installed or ())]
        shared = any(other.plugin is plugin for other in known)  # two entry points may name one module
        entry.plugin = plugin
        if not shared:
            self._calls.register(entry)
        try:
            entry.providers = self._declared(entry)
        except PluginError:
            if not shared:
                self._calls.unregister(entry)
            raise
        entry.state = PluginState.LOADED
        for warning in entry.warnings:
            self._log.warning("plugin.deprecated", plugin=entry.name, error=warning)

    def _declared(self, entry: PluginEntry) -> tuple[ProviderInfo, ...]:
        declared = self._calls.declared_providers(entry)
        problem = declaration_problem(declared, entry_points=self._siblings(entry))
        if problem:
            raise entry.error_for(problem, PluginIncompatibleError)
        own = entry.entry_point is None
        return tuple(info for info in declared if own or info.name == entry.name)

    def _siblings(self, entry: PluginEntry) -> frozenset[str] | None:
        if entry.entry_point is None:
            return None
        return frozenset(c.name for c in self.installed if c.distribution == entry.distribution)


def _spellings(names: Collection[str]) -> frozenset[str]:
    return frozenset(names) | {normalised(name) for name in names}


def _mark_conflicts(entries: list[PluginEntry]) -> None:
    enabled = sorted((c for c in entries if c.enabled), key=lambda c: c.name)
    for name, group in groupby(enabled, key=lambda c: c.name):
        competing = list(group)
        if len(competing) > 1:
            for other in competing:
                other.fail(PluginState.CONFLICT, conflict(name, competing))


def first_party() -> frozenset[str]:
    """Return the providers that this package has an extra for, by its metadata."""
    try:
        requirements = importlib.metadata.requires("engram-discovery") or []
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        return frozenset()
    return frozenset(match[1] for line in requirements if (match := _EXTRA.match(line)))


def pip_line(provider: str) -> str | None:
    """Return the command that installs a first-party provider; None if it is not one."""
    return f'pip install "engram-discovery[{provider}]"' if provider in first_party() else None


def not_found(kind: str, name: str, available: Collection[str]) -> ProviderNotFoundError:
    """Return the error for a ``name`` that no installed plugin provides.

    Args:
        kind: ``discovery provider`` or ``membership engine``.
        name: The name in the settings.
        available: The names that can be selected.
    """
    parts = [f'unknown {kind} "{name}"', f"installed: {', '.join(sorted(available)) or 'none'}"]
    hint = pip_line(name)
    close = difflib.get_close_matches(name, {*available, *first_party()} - {name}, n=1)
    if hint is None and close:
        parts.append(f'did you mean "{close[0]}"?')
        hint = None if close[0] in available else pip_line(close[0])
    text = "; ".join(parts)
    if hint:
        text += f" {hint}" if text.endswith("?") else f"; {hint}"
    return ProviderNotFoundError(text, plugin=name, available=sorted(available), install_hint=hint)


def disabled(name: str, owners: Sequence[PluginEntry], available: Collection[str]) -> ProviderNotFoundError:
    """Return the error for a ``name`` that is installed, but excluded by the settings."""
    return ProviderNotFoundError(
        f'"{name}" is installed, but not enabled: {owners[0].label} is excluded by cluster.plugins.allow or '
        f"cluster.plugins.deny; enabled: {', '.join(sorted(available)) or 'none'}",
        plugin=name,
        available=sorted(available),
        install_hint=None,
    )
