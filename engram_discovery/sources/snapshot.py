"""The endpoints of all sources at one moment, and subscriptions to their changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.defaults import CHANGE_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import Endpoint

__all__ = ["Change", "Changes", "Snapshot", "difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The known endpoints, in the order in which to contact them.

    Attributes:
        version: Rises whenever an endpoint is added or removed.
        endpoints: Without duplicates; ``endpoint.source`` names the provider, ``cache`` the peer cache on disk.
        stale: True if some come from a source that currently fails, or from the peer cache.
        complete: True if every source in use gave a complete answer.
        why: The last answer of each source in words, by provider name.
    """

    version: int = 0
    endpoints: tuple[Endpoint, ...] = ()
    stale: bool = False
    complete: bool = True
    why: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two snapshots.

    Attributes:
        added: Endpoints that were not there before.
        removed: Endpoints that no source lists any more. Their nodes may be alive: only gossip removes members.
        snapshot: The later snapshot.
    """

    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    snapshot: Snapshot


def difference(before: Snapshot, after: Snapshot) -> Change | None:
    """Return the difference, or None if both hold the same endpoints, in whatever order and with whatever metadata."""
    old, new = frozenset(before.endpoints), frozenset(after.endpoints)
    if old == new:
        return None
    added = tuple(endpoint for endpoint in after.endpoints if endpoint not in old)
    removed = tuple(endpoint for endpoint in before.endpoints if endpoint not in new)
    return Change(added, removed, after)


class Changes:
    """An iterator over changes that compares the snapshot its consumer last received with the current one.

    Nothing is queued: a slow consumer costs no memory, and a change that was reverted in between is not delivered.
    """

    def __init__(self, seen: Snapshot, latest: Callable[[], Snapshot], clock: Clock) -> None:
        self._seen = seen
        self._latest = latest
        self._clock = clock
        self._wakeup = asyncio.Event()
        self._not_before = clock.monotonic()
        self._ended = False

    def wake(self) -> None:
        """Compare again: there is a new version."""
        self._wakeup.set()

    def end(self) -> None:
        """End the consumer's iteration."""
        self._ended = True
        self._wakeup.set()

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        while True:
            change = difference(self._seen, self._latest())
            wait = self._not_before - self._clock.monotonic()
            if self._ended:
                raise StopAsyncIteration
            if change is None:
                await self._wakeup.wait()
                self._wakeup.clear()
            elif wait > 0:
                await self._clock.sleep(wait)
            else:
                self._seen = change.snapshot
                self._not_before = self._clock.monotonic() + CHANGE_INTERVAL
                return change

    async def aclose(self) -> None:
        """Unsubscribe."""
        self.end()
