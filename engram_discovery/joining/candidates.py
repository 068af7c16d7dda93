"""The endpoints that could be joined, and the last attempt on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.joining.explain import NotJoined
from engram_discovery.membership.counts import LIVE
from engram_discovery.types import JoinAttempt, JoinOutcome

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import Endpoint

__all__ = ["JoinCandidates"]

_NEVER = float("-inf")


class JoinCandidates:
    """Separates endpoints into members, this node and others, and keeps the last attempt on each.

    An endpoint that proved to be this node is retried: behind a load balancer it may lead to another node next time.
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
        """Return the endpoints that are neither this node nor live members, in the order given."""
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
        """Sort by priority, lowest value first (RFC 2782); shuffled inside equal ones to spread the load."""
        shuffled = list(endpoints)
        self._random.shuffle(shuffled)
        return sorted(shuffled, key=lambda endpoint: endpoint.priority)

    def least_recently_tried(self, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
        """Sort so that every endpoint has its turn, those that never joined first."""
        return sorted(endpoints, key=self._turn_key)

    def record(self, attempts: Iterable[JoinAttempt]) -> None:
        """Keep the outcome of these attempts."""
        now = self._clock.monotonic()
        for attempt in attempts:
            self._attempts[attempt.endpoint] = (attempt, now)

    def keep_only(self, endpoints: Iterable[Endpoint]) -> None:
        """Drop the attempts on endpoints that no source lists any more."""
        wanted = frozenset(endpoints)
        self._attempts = {key: value for key, value in self._attempts.items() if key in wanted}

    def not_joined(self, endpoints: Iterable[Endpoint]) -> tuple[NotJoined, ...]:
        """Return why each endpoint is not a live member, this node included."""
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

    def _turn_key(self, endpoint: Endpoint) -> tuple[bool, float]:
        attempt, at = self._attempts.get(endpoint, (None, _NEVER))
        return (attempt is not None and attempt.outcome is JoinOutcome.JOINED, at)
