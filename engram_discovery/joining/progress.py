"""How this node sees its cluster: the phase, whether there is haste, and the explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.joining.candidates import LIVE
from engram_discovery.joining.explain import Explanation, NotJoined, Phase
from engram_discovery.sources.peer_cache import CACHE_SOURCE
from engram_discovery.sources.status import Outcome
from engram_discovery.types import Endpoint, JoinOutcome, NodeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.joining.candidates import JoinCandidates
    from engram_discovery.protocols import Membership
    from engram_discovery.sources.chain import Discovery

__all__ = ["JoinProgress", "MemberCounts"]

_SUSPECT = frozenset({NodeState.SUSPECT})
_ONLY_OURSELVES = (
    "every address found is this node itself: list the addresses of other nodes; behind a load balancer, "
    "list the nodes and not the balancer"
)
_ALL_FOREIGN = (
    "every address that answered belongs to another cluster: compare cluster.name and cluster.security.keys"
)


@dataclass(frozen=True, slots=True)
class MemberCounts:
    """How many are here.

    Attributes:
        alive: Live members, this node included.
        known: Members that did not leave on purpose and are not forgotten yet: the largest size seen of late.
        expected: How many there should be, by the settings; None if they do not say.
    """

    alive: int
    known: int
    expected: int | None

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody but us."""
        return self.alive <= 1

    @property
    def is_split(self) -> bool:
        """Whether not more than half of those we know are here, and we are not alone."""
        return not self.is_alone and 2 * self.alive <= self.known

    @property
    def is_urgent(self) -> bool:
        """Whether we are alone, or not more than half of those who should be here."""
        return self.is_alone or 2 * self.alive <= max(self.known, self.expected or 0)

    @property
    def is_incomplete(self) -> bool:
        """Whether an operator must be told again and again."""
        return self.is_alone if self.expected is None else self.alive < self.expected

    def awaiting(self, phase: Phase) -> str:
        """Say who is awaited; nothing if nobody is."""
        if self.expected is not None and self.alive < self.expected:
            return f"{self.expected - self.alive} more of the {self.expected} nodes expected"
        if phase in {Phase.ALONE, Phase.RESOLVING}:
            return "any other node"
        return f"{self.known - self.alive} members that died" if phase is Phase.SPLIT else ""


class JoinProgress:
    """Reads the membership and the sources; keeps nothing of its own."""

    def __init__(
        self,
        membership: Membership,
        discovery: Discovery,
        contacts: JoinCandidates,
        *,
        expected_size: int | None,
    ) -> None:
        self._membership = membership
        self._discovery = discovery
        self._contacts = contacts
        self._expected = expected_size

    def count(self) -> MemberCounts:
        """Count who is here and who should be."""
        states = [member.state for member in self._membership.members()]
        return MemberCounts(
            alive=sum(states.count(state) for state in LIVE),
            known=len(states) - states.count(NodeState.LEFT),
            expected=self._expected,
        )

    def phase(self, count: MemberCounts) -> Phase:
        """Tell how far we are. A cluster of one is formed where one is what is expected."""
        if count.is_alone and self._expected != 1:
            asked = self._discovery.status()
            answered = any(status.outcome is not Outcome.PENDING for status in asked)
            return Phase.ALONE if answered or not asked else Phase.RESOLVING
        if count.is_split:
            return Phase.SPLIT
        return Phase.FORMING if count.is_incomplete else Phase.FORMED

    def live_endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses of the live members but for ourselves."""
        return tuple(
            Endpoint(*member.addr, node_id=member.node_id, source="membership")
            for member in self._membership.members(LIVE)
            if not member.is_self and member.addr.port
        )

    def explain(self, *, next_in: float) -> Explanation:
        """Put everything together."""
        local = self._membership.local
        snapshot = self._discovery.snapshot()
        count = self.count()
        phase = self.phase(count)
        not_joined = self._contacts.not_joined(snapshot.endpoints)
        suspect = len(self._membership.members(_SUSPECT))
        missing = count.is_urgent or any(not peer.is_self for peer in not_joined)
        return Explanation(
            phase=phase,
            awaiting=count.awaiting(phase),
            node_id=local.node_id,
            addr=local.addr,
            alive=count.alive,
            suspect=suspect,
            expected=count.expected,
            known=count.known,
            sources=self._discovery.status(),
            remembered=sum(endpoint.source == CACHE_SOURCE for endpoint in snapshot.endpoints),
            not_joined=not_joined,
            next_action="contact those who are missing" if missing else "look whether anybody new is there",
            next_in=next_in,
            advice=_advice(not_joined) if count.is_alone else (),
        )


def _advice(not_joined: Sequence[NotJoined]) -> tuple[str, ...]:
    outcomes = {peer.outcome for peer in not_joined}
    if outcomes == {JoinOutcome.SELF}:
        return (_ONLY_OURSELVES,)
    return (_ALL_FOREIGN,) if outcomes and outcomes <= {JoinOutcome.SELF, JoinOutcome.FOREIGN} else ()
