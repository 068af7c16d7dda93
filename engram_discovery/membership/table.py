"""The view: every other node, by node id, departed ones included.

A gossip engine speaks of *runs*: each start of a process has its own gossip name. Users speak of nodes. This table
folds the runs of one node id into its newest, so that a node that crashed and came back, even at another address, is
one node that is alive again, and news of its dead run changes nothing.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from engram_discovery.types import EventKind, Member, MembershipEvent, NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.clock import Clock

__all__ = ["MemberTable"]

_DEPARTED = frozenset({NodeState.DEAD, NodeState.LEFT})


class MemberTable:
    """The members other than ourselves. Thread-safe; reads cost nothing while nothing changes.

    Args:
        own_id: Our node id: other runs of it are conflicts, never members.
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
        self._members: dict[str, Member] = {}
        self._departed: set[str] = set()
        self._snapshot: tuple[Member, ...] | None = ()

    def apply(self, run: Member) -> tuple[MembershipEvent, ...]:
        """Take in what the engine says of one run, and return what that changes for users."""
        if run.node_id == self._own_id:
            return self._own_id_seen(run)
        with self._lock:
            known = self._members.get(run.node_id)
            if known is not None and run.generation < known.generation:
                return ()
            kind = _change(known, run)
            if kind is None:
                return ()
            self._forget_address(run)
            self._put(run)
            return (MembershipEvent(kind, run),)

    def resync(self, runs: Iterable[Member]) -> tuple[MembershipEvent, ...]:
        """Take in the engine's whole list of live runs; live members that it lacks have died unseen."""
        live = list(runs)
        events = [event for run in live for event in self.apply(run)]
        names = {run.node_id for run in live}
        with self._lock:
            lost = [m for m in self._members.values() if m.state not in _DEPARTED and m.node_id not in names]
        now = self._clock.monotonic()
        for member in lost:
            events.extend(self.apply(replace(member, state=NodeState.DEAD, updated_at=now)))
        return tuple(events)

    def members(self) -> tuple[Member, ...]:
        """Return everybody but ourselves, sorted by node id, without those departed long ago."""
        with self._lock:
            self._forget_departed()
            if self._snapshot is None:
                self._snapshot = tuple(self._members[node_id] for node_id in sorted(self._members))
            return self._snapshot

    def _own_id_seen(self, run: Member) -> tuple[MembershipEvent, ...]:
        # An older run of ours is the crashed one that the engine has not buried yet; it is no member.
        if run.generation > self._own_generation and run.state is NodeState.ALIVE:
            return (MembershipEvent(EventKind.CONFLICT, run),)
        return ()

    def _put(self, run: Member) -> None:
        self._members[run.node_id] = run
        if run.state in _DEPARTED:
            self._departed.add(run.node_id)
        else:
            self._departed.discard(run.node_id)
        self._snapshot = None

    def _drop(self, node_id: str) -> None:
        del self._members[node_id]
        self._departed.discard(node_id)
        self._snapshot = None

    def _forget_address(self, run: Member) -> None:
        """Forget a departed node whose address a living one has taken over."""
        if run.state in _DEPARTED:
            return
        taken = [i for i in self._departed if i != run.node_id and self._members[i].addr == run.addr]
        for node_id in taken:
            self._drop(node_id)

    def _forget_departed(self) -> None:
        now = self._clock.monotonic()
        for node_id in [i for i in self._departed if self._is_over(self._members[i], now)]:
            self._drop(node_id)

    def _is_over(self, member: Member, now: float) -> bool:
        return now - member.updated_at >= self._retention[member.state]


def _change(known: Member | None, run: Member) -> EventKind | None:
    """Name the step from what we knew to what the engine says now; None if it is no news."""
    if known is None or run.generation > known.generation:
        return _ARRIVAL[run.state]
    if run.state is known.state:
        told = (known.addr, known.api_addr, known.spaces, known.spaces_omitted, known.zone, known.incarnation)
        tells = (run.addr, run.api_addr, run.spaces, run.spaces_omitted, run.zone, run.incarnation)
        return EventKind.UPDATED if told != tells else None
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
