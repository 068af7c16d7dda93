"""Find installed plugins by their metadata, apply the settings, and import selected ones with a guard (ADR 20).

Nothing is imported before it is needed: entry points are text. pluggy's own loader imports every installed plugin,
stops at the first that raises, and silently ignores a second one of the same name.
"""

from __future__ import annotations

import importlib.metadata
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from engram_discovery._version import __version__
from engram_discovery.errors import PluginConflictError, PluginLoadError
from engram_discovery.hookspecs import PROJECT_NAME
from engram_discovery.host.entry import PluginEntry, PluginState, normalised
from engram_discovery.host.guard import call_guarded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["conflict", "find_plugins", "import_plugin", "installed_entry_points"]

#: Membership engines that are part of this package.
_BUILT_IN = (EntryPoint("kinship", "engram_discovery.membership.kinship", PROJECT_NAME),)


def installed_entry_points() -> Iterable[EntryPoint]:
    """Return the entry points of the group from the metadata of every installed distribution."""
    try:
        return importlib.metadata.entry_points(group=PROJECT_NAME)
    except Exception:  # noqa: BLE001  a malformed file of one distribution must not hide all others
        return list(_readable_entry_points())


def find_plugins(
    entry_points: Iterable[EntryPoint], *, allow: Collection[str] | None, deny: Collection[str]
) -> list[PluginEntry]:
    """Create an entry for every entry point, sorted by name, with its state by ``allow`` and ``deny``.

    Both may name an entry point or a distribution. Built-in engines are always allowed.
    """
    found = {(ep.name, ep.value, _name(ep)): ep for ep in entry_points}
    entries = [
        _entry(ep, allow=allow, deny=deny) for _, ep in sorted(found.items(), key=lambda item: item[0])
    ]
    built_in = [
        PluginEntry(
            name=ep.name, entry_point=ep, distribution="engram-discovery", version=__version__, built_in=True
        )
        for ep in _BUILT_IN
    ]
    return entries + built_in


def import_plugin(entry: PluginEntry, *, timeout: float) -> object:
    """Import the object that the entry point names.

    Raises:
        PluginLoadError: The module, or something it imports, is missing, raised, or blocks.
    """
    if entry.entry_point is None:
        return entry.plugin
    return call_guarded(
        entry, "its import", entry.entry_point.load, timeout=timeout, error_type=PluginLoadError
    )


def conflict(provider: str, owners: Sequence[PluginEntry]) -> PluginConflictError:
    """Return the error for several plugins that declare one provider, with the remedy."""
    installed = sorted(owner.distribution for owner in owners if owner.distribution)
    choices = " or ".join(f'["{name}"]' for name in installed)
    return PluginConflictError(
        f'provider "{provider}" is declared by {" and ".join(sorted(owner.label for owner in owners))}; '
        f"choose by cluster.plugins.deny = {choices}, or uninstall one",
        plugin=provider,
        distribution=", ".join(sorted(owner.origin for owner in owners if owner.origin)) or None,
    )


def _entry(entry_point: EntryPoint, *, allow: Collection[str] | None, deny: Collection[str]) -> PluginEntry:
    distribution = _name(entry_point)
    names = {entry_point.name, normalised(distribution)} if distribution else {entry_point.name}
    allowed = allow is not None and not names.isdisjoint(allow)
    enabled = (allow is None or allowed) and names.isdisjoint(deny)
    return PluginEntry(
        name=entry_point.name,
        entry_point=entry_point,
        distribution=distribution or None,
        version=entry_point.dist.version if entry_point.dist and distribution else None,
        decorates=allowed,
        state=PluginState.AVAILABLE if enabled else PluginState.DISABLED,
    )


def _name(entry_point: EntryPoint) -> str:
    try:
        return str(entry_point.dist.name) if entry_point.dist else ""
    except Exception:  # noqa: BLE001  metadata without a name raises differently in every Python version
        return ""


def _readable_entry_points() -> Iterator[EntryPoint]:
    for distribution in importlib.metadata.distributions():
        try:
            yield from distribution.entry_points.select(group=PROJECT_NAME)
        except Exception:  # noqa: BLE001, S112  the distribution is broken, and not a plugin
            continue
