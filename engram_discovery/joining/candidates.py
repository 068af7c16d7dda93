"""Whom we could still contact, and what came of it so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.joining.explain import NotJoined
from engram_discovery.types import JoinAttempt, JoinOutcome, NodeState

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import Endpoint

__all__ = ["LIVE", "JoinCandidates"]

#: States of members that need not be contacted.
LIVE = frozenset({NodeState.ALIVE, NodeState.SUSPECT})

_NEVER = float("-inf")


class JoinCandidates:
    """Tells non_members from members and from ourselves, and remembers the last attempt on each endpoint.

    An endpoint that proved to be ourselves is tried again all the same: behind a load balancer it may lead to
    somebody else the next time.
    """

    def __init__(
        self,
        membership: Membership,
        is_self: Callable[[Endpoint], bool],
        *,
        clock: Clock,
        random: random.Random,
    ) -> None:
        self._membership = membership
        self._is_self = is_self
        self._clock = clock
        self._random = random
        self._attempts: dict[Endpoint, tuple[JoinAttempt, float]] = {}

    def non_members(self, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
        """Return those that are neither ourselves nor live members, in the order given."""
        known = self._membership.members(LIVE)
        addresses = {member.addr for member in known}
        names = {member.node_id for member in known}
        return [
            endpoint
            for endpoint in endpoints
            if endpoint.address not in addresses
            and endpoint.node_id not in names
            and not self._is_self(endpoint)
        ]

    def by_priority(self, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
        """Put the least priority value first (RFC 2782), shuffled inside equal ones to spread the load."""
        shuffled = list(endpoints)
        self._random.shuffle(shuffled)
        return sorted(shuffled, key=lambda endpoint: endpoint.priority)

    def longest_untried(self, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
        """Sort so that round by round every one has its turn, those that never joined first."""
        return sorted(endpoints, key=self._turn)

    def record(self, attempts: Iterable[JoinAttempt]) -> None:
        """Remember what came of these attempts."""
        now = self._clock.monotonic()
        for attempt in attempts:
            self._attempts[attempt.endpoint] = (attempt, now)

    def keep_only(self, endpoints: Iterable[Endpoint]) -> None:
        """Forget the attempts on endpoints that no source tells of any more."""
        wanted = frozenset(endpoints)
        self._attempts = {key: value for key, value in self._attempts.items() if key in wanted}

    def not_joined(self, endpoints: Iterable[Endpoint]) -> tuple[NotJoined, ...]:
        """Return what keeps us from each endpoint that is no live member, ourselves included."""
        endpoints = tuple(endpoints)
        non_members = frozenset(self.non_members(endpoints))
        return tuple(
            self._reason(endpoint)
            for endpoint in endpoints
            if endpoint in non_members or self._is_self(endpoint)
        )

    def _reason(self, endpoint: Endpoint) -> NotJoined:
        if self._is_self(endpoint):
            return NotJoined(endpoint, JoinOutcome.SELF, "this node itself")
        if endpoint not in self._attempts:
            return NotJoined(endpoint, None, "not contacted yet")
        attempt, at = self._attempts[endpoint]
        return NotJoined(endpoint, attempt.outcome, attempt.detail, age=self._clock.monotonic() - at)

    def _turn(self, endpoint: Endpoint) -> tuple[bool, float]:
        attempt, at = self._attempts.get(endpoint, (None, _NEVER))
        return (attempt is not None and attempt.outcome is JoinOutcome.JOINED, at)
