"""What the host tells of a plugin: where it comes from and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["PluginRecord", "PluginState"]


class PluginState(StrEnum):
    """What became of a plugin."""

    AVAILABLE = "available"
    """Installed and enabled, but nobody asked for it: not imported."""
    LOADED = "loaded"
    DISABLED = "disabled"
    """The settings ``plugins.allow`` and ``plugins.deny`` rule it out: never imported."""
    FAILED = "failed"
    """It could not be imported, or ``engram_providers`` raised, blocked or answered nonsense."""
    INCOMPATIBLE = "incompatible"
    """It was written for another version of the contract, or its hooks do not fit ours."""
    CONFLICT = "conflict"
    """Another plugin offers the same provider, and the settings do not choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """One plugin as the host sees it now.

    Attributes:
        name: Name of its entry point, or the name it was registered under.
        state: What became of it.
        distribution: Name of the distribution that installed it; None if the program registered it.
        version: Version of that distribution.
        module: What the entry point names; empty if the program registered it.
        providers: Names of the providers it offers; empty until it is loaded.
        capabilities: What its providers can do, together.
        error: Why it cannot be used, and what to do; None if it can.
        warnings: What its authors should mend although it can be used.
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
