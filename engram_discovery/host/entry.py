"""One plugin: its entry point, its state, and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future
    from importlib.metadata import EntryPoint

    from engram_discovery.errors import PluginError
    from engram_discovery.types import ProviderInfo

__all__ = ["PluginEntry", "PluginRecord", "PluginState", "normalised"]


class PluginState(StrEnum):
    """The state of a plugin."""

    AVAILABLE = "available"
    """Installed and enabled, but not selected: not imported."""
    LOADED = "loaded"
    DISABLED = "disabled"
    """The settings ``plugins.allow`` and ``plugins.deny`` rule it out: never imported."""
    FAILED = "failed"
    """The import failed, or ``engram_providers`` raised, blocked or returned malformed data."""
    INCOMPATIBLE = "incompatible"
    """It needs another version of the contract, or its hooks do not fit the specifications."""
    CONFLICT = "conflict"
    """Another plugin offers the same provider, and the settings do not choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """The public record of one plugin.

    Attributes:
        name: Name of its entry point, or the name it was registered under.
        state: Its state.
        distribution: Name of the distribution that installed it; None if the program registered it.
        version: Version of that distribution.
        module: What the entry point names; empty if the program registered it.
        providers: Names of the declared providers; empty until it is loaded.
        capabilities: The capabilities of all its providers.
        error: Why it cannot be used, and the remedy; None if it can.
        warnings: Faults that its authors should correct although it can be used.
    """

    name: str
    state: PluginState
    distribution: str | None = None
    version: str | None = None
    module: str = ""
    providers: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    error: str | None = None
    warnings: tuple[str, ...] = ()


def normalised(name: str) -> str:
    """Return the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(slots=True, eq=False, kw_only=True)
class PluginEntry:
    """One entry point, or one object that the program registered, with its state.

    Attributes:
        name: Name of the entry point, or the name it was registered under.
        entry_point: None if the program registered it.
        distribution: Name of the distribution, where known.
        version: Version of the distribution, where known.
        built_in: Whether it is part of this package and declares no provider (the membership engine).
        decorates: Whether its wrappers apply to other plugins' providers too: the program registered it, or
            ``plugins.allow`` names it.
        plugin: The object with the hooks, once loaded.
        blocked: The call that has not returned, if there is one.
        warnings: Faults that its authors should correct although it can be used.
    """

    name: str
    entry_point: EntryPoint | None = None
    distribution: str | None = None
    version: str | None = None
    built_in: bool = False
    decorates: bool = False
    state: PluginState = PluginState.AVAILABLE
    plugin: object = None
    providers: tuple[ProviderInfo, ...] = ()
    error: PluginError | None = None
    blocked: Future[object] | None = field(default=None, repr=False)
    warnings: list[str] = field(default_factory=list)

    @property
    def enabled(self) -> bool:
        """Whether the settings allow it."""
        return self.state is not PluginState.DISABLED

    @property
    def origin(self) -> str | None:
        """``name version`` of the distribution, where known."""
        return f"{self.distribution} {self.version or '?'}" if self.distribution else None

    @property
    def label(self) -> str:
        """The plugin as messages name it: ``plugin "acme" (acme-discovery 1.2)``."""
        where = (
            "registered by the program" if self.entry_point is None else self.origin or "unknown distribution"
        )
        return f'plugin "{self.name}" ({where})'

    @property
    def may_provide(self) -> bool:
        """Whether it may declare the provider of its name: it is enabled, and not known to declare none."""
        return (
            self.enabled
            and not self.built_in
            and (bool(self.providers) or self.state is not PluginState.LOADED)
        )

    def claims(self, provider: str) -> bool:
        """Return whether it declares a provider, as far as that is known without importing it."""
        if self.entry_point is None:
            return any(info.name == provider for info in self.providers)
        return self.name == provider and not self.built_in

    def provider(self, name: str) -> ProviderInfo | None:
        """Return a declared provider, if it is loaded and declares it."""
        return next((info for info in self.providers if info.name == name), None)

    def fail(self, state: PluginState, error: PluginError) -> None:
        """Set the error state."""
        self.state, self.error = state, error

    def warn(self, text: str) -> None:
        """Add a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def error_for(self, what: str, error_type: type[PluginError]) -> PluginError:
        """Return an error that names the plugin, its distribution and version."""
        return error_type(f"{self.label} {what}", plugin=self.name, distribution=self.origin)

    def record(self) -> PluginRecord:
        """Return the public record."""
        return PluginRecord(
            name=self.name,
            state=self.state,
            distribution=self.distribution,
            version=self.version,
            module=self.entry_point.value if self.entry_point else "",
            providers=tuple(info.name for info in self.providers),
            capabilities=frozenset().union(*(info.capabilities for info in self.providers)),
            error=str(self.error) if self.error else None,
            warnings=tuple(self.warnings),
        )
