"""What all sources together know at one moment, and how it differs from another moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engram_discovery.types import Endpoint

__all__ = ["Change", "Snapshot", "difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The endpoints known, in the order in which to contact them.

    Attributes:
        version: Rises whenever an endpoint is added or removed.
        endpoints: Without doubles; ``endpoint.source`` says who told us, ``cache`` being the memory on disk.
        stale: Whether some of it comes from a source that fails now, or from the disk.
        complete: Whether every source that was asked told the whole truth.
        why: What each source answered, in words, by its name.
    """

    version: int = 0
    endpoints: tuple[Endpoint, ...] = ()
    stale: bool = False
    complete: bool = True
    why: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Change:
    """What happened between two snapshots.

    Attributes:
        added: Endpoints that were not there before.
        removed: Endpoints that are no longer told of. Their nodes may live on: only gossip removes members.
        snapshot: The later snapshot.
    """

    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    snapshot: Snapshot


def difference(before: Snapshot, after: Snapshot) -> Change | None:
    """Return what changed, or None if the same endpoints are known, whatever their order and metadata."""
    old, new = frozenset(before.endpoints), frozenset(after.endpoints)
    if old == new:
        return None
    added = tuple(endpoint for endpoint in after.endpoints if endpoint not in old)
    removed = tuple(endpoint for endpoint in before.endpoints if endpoint not in new)
    return Change(added, removed, after)
