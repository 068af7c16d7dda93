"""Evaluate the progress of joining: the phase, its urgency, and the explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.joining.explain import JoinExplanation, NotJoined, Phase
from engram_discovery.membership.counts import LIVE, MemberCounts
from engram_discovery.sources.peer_cache import CACHE_SOURCE
from engram_discovery.sources.status import Outcome
from engram_discovery.types import Endpoint, JoinOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.joining.candidates import JoinCandidates
    from engram_discovery.protocols import Membership
    from engram_discovery.sources.chain import Discovery

__all__ = ["JoinNeed", "JoinProgress"]

_ONLY_THIS_NODE = (
    "all endpoints found are this node itself: list the addresses of other nodes; behind a load balancer, "
    "list the nodes and not the balancer"
)
_ALL_FOREIGN = (
    "all endpoints that answered rejected the handshake: compare cluster.name and cluster.security.keys"
)


@dataclass(frozen=True, slots=True)
class JoinNeed:
    """Which members are missing, given the counts of the view."""

    counts: MemberCounts

    @property
    def is_alone(self) -> bool:
        """Whether this node is the only live member."""
        return self.counts.live <= 1

    @property
    def is_split(self) -> bool:
        """Whether at most half of the known members are live, and this node is not alone."""
        return not self.is_alone and 2 * self.counts.live <= self.counts.known

    @property
    def is_urgent(self) -> bool:
        """Whether this node is alone, or at most half of the wanted members are live."""
        return self.is_alone or 2 * self.counts.live <= self.counts.wanted

    @property
    def is_incomplete(self) -> bool:
        """Whether the log repeats what is missing."""
        expected = self.counts.expected
        return self.is_alone if expected is None else self.counts.live < expected

    def awaiting(self, phase: Phase) -> str:
        """Return what is awaited, in words; empty if nothing is."""
        live, expected = self.counts.live, self.counts.expected
        if expected is not None and live < expected:
            return f"{expected - live} more of the {expected} nodes expected"
        if phase in {Phase.ALONE, Phase.RESOLVING}:
            return "any other node"
        return f"{self.counts.known - live} dead members" if phase is Phase.SPLIT else ""


class JoinProgress:
    """Reads membership and sources; holds no state of its own."""

    def __init__(
        self,
        membership: Membership,
        discovery: Discovery,
        candidates: JoinCandidates,
        *,
        expected_size: int | None,
    ) -> None:
        self._membership = membership
        self._discovery = discovery
        self._candidates = candidates
        self._expected = expected_size

    def need(self) -> JoinNeed:
        """Count the members of the current view."""
        return JoinNeed(MemberCounts.of(self._membership.members(), self._expected))

    def phase(self, need: JoinNeed) -> Phase:
        """Return the phase. A cluster of one is formed where one node is expected."""
        if need.is_alone and self._expected != 1:
            statuses = self._discovery.status()
            answered = any(status.outcome is not Outcome.PENDING for status in statuses)
            return Phase.ALONE if answered or not statuses else Phase.RESOLVING
        if need.is_split:
            return Phase.SPLIT
        return Phase.FORMING if need.is_incomplete else Phase.FORMED

    def live_endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses of the live members other than this node."""
        return tuple(
            Endpoint(*member.addr, node_id=member.node_id, source="membership")
            for member in self._membership.members(LIVE)
            if not member.is_self and member.addr.port
        )

    def explain(self, *, next_in: float) -> JoinExplanation:
        """Compose the explanation."""
        local = self._membership.local
        snapshot = self._discovery.snapshot()
        need = self.need()
        counts = need.counts
        phase = self.phase(need)
        not_joined = self._candidates.not_joined(snapshot.endpoints)
        missing = need.is_urgent or any(not peer.is_self for peer in not_joined)
        return JoinExplanation(
            phase=phase,
            awaiting=need.awaiting(phase),
            node_id=local.node_id,
            addr=local.addr,
            counts=counts,
            sources=self._discovery.status(),
            cached=sum(endpoint.source == CACHE_SOURCE for endpoint in snapshot.endpoints),
            not_joined=not_joined,
            next_action="join the missing endpoints" if missing else "check for new endpoints",
            next_in=next_in,
            advice=_advice(not_joined) if need.is_alone else (),
        )


def _advice(not_joined: Sequence[NotJoined]) -> tuple[str, ...]:
    outcomes = {peer.outcome for peer in not_joined}
    if outcomes == {JoinOutcome.SELF}:
        return (_ONLY_THIS_NODE,)
    return (_ALL_FOREIGN,) if outcomes and outcomes <= {JoinOutcome.SELF, JoinOutcome.FOREIGN} else ()
