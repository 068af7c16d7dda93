"""The view: every other node, by node id, departed ones included.

A gossip engine speaks of *runs*: each start of a process has its own gossip name. Users speak of nodes. This table
folds the runs of one node id into one: the newest that lives, else the newest. So a node that crashed and came back,
even at another address, is one node that is alive again, and news of its dead run changes nothing.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from engram_discovery.types import EventKind, Member, MembershipEvent, NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.runtime.clock import Clock

__all__ = ["MemberTable"]

_DEPARTED = frozenset({NodeState.DEAD, NodeState.LEFT})


class MemberTable:
    """The members other than ourselves. Thread-safe; reads cost nothing while nothing changes.

    Args:
        own_id: Our node id: other runs of it are rivals, never members.
        own_generation: Our generation.
        forget_left_after: Seconds for which a member that left is still listed.
        forget_dead_after: Seconds for which a dead member is still listed.
        clock: Times the retention.
    """

    def __init__(
        self,
        own_id: str,
        own_generation: int,
        *,
        forget_left_after: float,
        forget_dead_after: float,
        clock: Clock,
    ) -> None:
        self._own_id = own_id
        self._own_generation = own_generation
        self._retention = {NodeState.LEFT: forget_left_after, NodeState.DEAD: forget_dead_after}
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[str, dict[int, Member]] = {}
        self._shown: dict[str, Member] = {}
        self._departed: set[str] = set()
        self._snapshot: tuple[Member, ...] | None = ()

    def apply(self, run: Member) -> tuple[MembershipEvent, ...]:
        """Take in what the engine says of one run, and return what that changes for users."""
        if run.node_id == self._own_id:
            newer = run.generation > self._own_generation
            return (MembershipEvent(EventKind.CONFLICT, run),) if newer else ()
        with self._lock:
            before = self._shown.get(run.node_id)
            runs = self._runs.setdefault(run.node_id, {})
            if _same(runs.get(run.generation), run):
                return ()
            runs[run.generation] = run
            after = max(runs.values(), key=_precedence)
            self._runs[run.node_id] = {
                g: r for g, r in runs.items() if r is after or r.state not in _DEPARTED
            }
            kind = _change(before, after)
            if kind is None:
                return ()
            self._forget_address(after)
            self._show(after)
            return (MembershipEvent(kind, after),)

    def knows(self, run: Member) -> bool:
        """Tell whether anything was heard of this run, and not forgotten since."""
        with self._lock:
            return run.generation in self._runs.get(run.node_id, ())

    def resync(self, runs: Iterable[Member]) -> tuple[MembershipEvent, ...]:
        """Take in the engine's whole list of live runs; live runs that it lacks have died unseen."""
        live = list(runs)
        events = [event for run in live for event in self.apply(run)]
        named = {(run.node_id, run.generation) for run in live}
        with self._lock:
            known = [run for runs in self._runs.values() for run in runs.values()]
        now = self._clock.monotonic()
        for run in known:
            if run.state not in _DEPARTED and (run.node_id, run.generation) not in named:
                events.extend(self.apply(replace(run, state=NodeState.DEAD, updated_at=now)))
        return tuple(events)

    def members(self) -> tuple[Member, ...]:
        """Return everybody but ourselves, sorted by node id, without those departed long ago."""
        with self._lock:
            self._forget_departed()
            if self._snapshot is None:
                self._snapshot = tuple(self._shown[node_id] for node_id in sorted(self._shown))
            return self._snapshot

    def _show(self, run: Member) -> None:
        self._shown[run.node_id] = run
        if run.state in _DEPARTED:
            self._departed.add(run.node_id)
        else:
            self._departed.discard(run.node_id)
        self._snapshot = None

    def _drop(self, node_id: str) -> None:
        del self._shown[node_id]
        del self._runs[node_id]
        self._departed.discard(node_id)
        self._snapshot = None

    def _forget_address(self, run: Member) -> None:
        """Forget a departed node whose address a living one has taken over."""
        if run.state in _DEPARTED:
            return
        taken = [i for i in self._departed if i != run.node_id and self._shown[i].addr == run.addr]
        for node_id in taken:
            self._drop(node_id)

    def _forget_departed(self) -> None:
        now = self._clock.monotonic()
        for node_id in [i for i in self._departed if self._is_over(self._shown[i], now)]:
            self._drop(node_id)

    def _is_over(self, member: Member, now: float) -> bool:
        return now - member.updated_at >= self._retention[member.state]


def _precedence(run: Member) -> tuple[bool, int]:
    return run.state not in _DEPARTED, run.generation


def _same(known: Member | None, run: Member) -> bool:
    return known is not None and replace(run, updated_at=known.updated_at) == known


def _change(known: Member | None, run: Member) -> EventKind | None:
    """Name the step from what was shown to what is shown now; None if it is no news."""
    if known is None or run.generation > known.generation:
        return _ARRIVAL[run.state]
    if run.generation < known.generation:
        return EventKind.JOINED
    if run.state is known.state:
        return None if _same(known, run) else EventKind.UPDATED
    if run.state is NodeState.ALIVE:
        return EventKind.RECOVERED if known.state is NodeState.SUSPECT else EventKind.JOINED
    return _ARRIVAL[run.state]


#: The event for a member first seen in a state.
_ARRIVAL = {
    NodeState.ALIVE: EventKind.JOINED,
    NodeState.SUSPECT: EventKind.SUSPECTED,
    NodeState.DEAD: EventKind.DIED,
    NodeState.LEFT: EventKind.LEFT,
}
