"""Find the installed plugins by their metadata, rule out what the settings rule out, import the rest guarded.

Nothing is imported before it is asked for: entry points are text. pluggy's own loader would import every
installed plugin, stop at the first that raises, and drop a second one of the same name without a word.
"""

from __future__ import annotations

import importlib.metadata
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from engram_discovery._version import __version__
from engram_discovery.errors import PluginConflictError, PluginLoadError
from engram_discovery.hookspecs import PROJECT_NAME
from engram_discovery.host.entry import Candidate, normalised
from engram_discovery.host.guard import call_guarded
from engram_discovery.host.records import PluginState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["conflict", "find_candidates", "import_plugin", "installed_entry_points"]

#: Membership engines that are part of this package.
_BUILT_IN = (EntryPoint("kinship", "engram_discovery.membership.kinship", PROJECT_NAME),)


def installed_entry_points() -> Iterable[EntryPoint]:
    """Read the entry points of our group from the metadata of every installed distribution."""
    try:
        return importlib.metadata.entry_points(group=PROJECT_NAME)
    except Exception:  # noqa: BLE001  one distribution's malformed file must not hide all the others
        return list(_readable_entry_points())


def find_candidates(
    entry_points: Iterable[EntryPoint], *, allow: Collection[str] | None, deny: Collection[str]
) -> list[Candidate]:
    """Make a candidate of every entry point, sorted by name, with its state by ``allow`` and ``deny``.

    Both may name an entry point or a distribution. What is part of this package is always allowed.
    """
    found = {(ep.name, ep.value, _name(ep)): ep for ep in entry_points}
    candidates = [
        _candidate(ep, allow=allow, deny=deny) for _, ep in sorted(found.items(), key=lambda item: item[0])
    ]
    built_in = [
        Candidate(
            name=ep.name, entry_point=ep, distribution="engram-discovery", version=__version__, built_in=True
        )
        for ep in _BUILT_IN
    ]
    return candidates + built_in


def import_plugin(candidate: Candidate, *, timeout: float) -> object:
    """Import what the entry point names.

    Raises:
        PluginLoadError: The module, or something it imports, is missing, raised, or blocks.
    """
    if candidate.entry_point is None:
        return candidate.plugin
    return call_guarded(
        candidate, "its import", candidate.entry_point.load, timeout=timeout, error_type=PluginLoadError
    )


def conflict(provider: str, owners: Sequence[Candidate]) -> PluginConflictError:
    """Describe that several plugins offer one provider, and how to choose."""
    installed = sorted(owner.distribution for owner in owners if owner.distribution)
    choices = " or ".join(f'["{name}"]' for name in installed)
    return PluginConflictError(
        f'provider "{provider}" is offered by {" and ".join(sorted(owner.label for owner in owners))}; '
        f"choose by cluster.plugins.deny = {choices}, or uninstall one",
        plugin=provider,
        distribution=", ".join(sorted(owner.origin for owner in owners if owner.origin)) or None,
    )


def _candidate(entry_point: EntryPoint, *, allow: Collection[str] | None, deny: Collection[str]) -> Candidate:
    distribution = _name(entry_point)
    names = {entry_point.name, normalised(distribution)} if distribution else {entry_point.name}
    allowed = allow is not None and not names.isdisjoint(allow)
    enabled = (allow is None or allowed) and names.isdisjoint(deny)
    return Candidate(
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
        except Exception:  # noqa: BLE001, S112  the distribution is broken, and none of our plugins
            continue
