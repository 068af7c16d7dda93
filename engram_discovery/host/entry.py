"""A plugin on its way from an entry point to something that can be called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engram_discovery.host.records import PluginRecord, PluginState

if TYPE_CHECKING:
    from concurrent.futures import Future
    from importlib.metadata import EntryPoint

    from engram_discovery.errors import PluginError
    from engram_discovery.types import ProviderInfo

__all__ = ["Candidate", "normalised"]


def normalised(name: str) -> str:
    """Give the one spelling of a distribution's name by which two are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(slots=True, eq=False, kw_only=True)
class Candidate:
    """One entry point, or one object that the program registered, and what became of it.

    Attributes:
        name: Name of the entry point, or the name it was registered under.
        entry_point: None if the program registered it.
        distribution: Name of the distribution, where known.
        version: Version of the distribution, where known.
        built_in: Whether it is part of this package and offers no provider (the membership engine).
        decorates: Whether its wrappers apply to other plugins' providers too: the program registered it, or
            ``plugins.allow`` names it.
        plugin: The object with the hooks, once loaded.
        blocked: The call that never came back, if there is one.
        warnings: What its authors should mend although it can be used.
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
        """Whether the settings let it be used."""
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
        """Whether it could offer the provider of its name: it is enabled, and not known to offer none."""
        return (
            self.enabled
            and not self.built_in
            and (bool(self.providers) or self.state is not PluginState.LOADED)
        )

    def claims(self, provider: str) -> bool:
        """Tell whether it offers a provider, as far as that can be known without importing it."""
        if self.entry_point is None:
            return any(info.name == provider for info in self.providers)
        return self.name == provider and not self.built_in

    def provider(self, name: str) -> ProviderInfo | None:
        """Return what it says of a provider, if it is loaded and offers it."""
        return next((info for info in self.providers if info.name == name), None)

    def fail(self, state: PluginState, error: PluginError) -> None:
        """Remember why it cannot be used."""
        self.state, self.error = state, error

    def warn(self, text: str) -> None:
        """Remember, once, what its authors should mend."""
        if text not in self.warnings:
            self.warnings.append(text)

    def complaint(self, what: str, error_type: type[PluginError]) -> PluginError:
        """Make an error that names the plugin, its distribution and version."""
        return error_type(f"{self.label} {what}", plugin=self.name, distribution=self.origin)

    def record(self) -> PluginRecord:
        """Return what is known of it now."""
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
