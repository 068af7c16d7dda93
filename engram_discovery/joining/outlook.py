"""How this node sees its cluster: the phase, whether there is haste, and the explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.explain import Explanation, NotJoined, Phase
from engram_discovery.joining.contacts import LIVE
from engram_discovery.sources.cache import CACHE_SOURCE
from engram_discovery.sources.status import Outcome
from engram_discovery.types import Endpoint, JoinOutcome, NodeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.joining.contacts import Contacts
    from engram_discovery.protocols import Membership
    from engram_discovery.sources.chain import Discovery

__all__ = ["Outlook"]

#: Members that count for the size of the cluster: those that left on purpose do not.
_STAYING = frozenset({NodeState.ALIVE, NodeState.SUSPECT, NodeState.DEAD})

_ONLY_OURSELVES = (
    "every address found is this node itself: list the addresses of other nodes; behind a load balancer, "
    "list the nodes and not the balancer"
)
_ALL_FOREIGN = (
    "every address that answered belongs to another cluster: compare cluster.name and cluster.security.keys"
)


class Outlook:
    """Reads the membership and the sources; keeps nothing of its own."""

    def __init__(
        self,
        membership: Membership,
        discovery: Discovery,
        contacts: Contacts,
        *,
        expected_size: int | None,
    ) -> None:
        self._membership = membership
        self._discovery = discovery
        self._contacts = contacts
        self._expected = expected_size

    @property
    def alive(self) -> int:
        """Live members, this node included."""
        return len(self._membership.members(LIVE))

    @property
    def known(self) -> int:
        """Members that did not leave on purpose and are not forgotten yet: the largest size seen of late."""
        return len(self._membership.members(_STAYING))

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody but us."""
        return self.alive <= 1

    @property
    def is_urgent(self) -> bool:
        """Whether we are alone, or not more than half of those who should be here."""
        return self.is_alone or 2 * self.alive <= max(self.known, self._expected or 0)

    @property
    def is_incomplete(self) -> bool:
        """Whether an operator must be told again and again."""
        return self.is_alone if self._expected is None else self.alive < self._expected

    @property
    def phase(self) -> Phase:
        """How far we are. A cluster of one is formed where one is what is expected."""
        if self.is_alone and self._expected != 1:
            asked = self._discovery.status()
            answered = any(status.outcome is not Outcome.PENDING for status in asked)
            return Phase.ALONE if answered or not asked else Phase.RESOLVING
        if self.is_urgent and not self.is_alone:
            return Phase.SPLIT
        return Phase.FORMING if self.is_incomplete else Phase.FORMED

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
        not_joined = self._contacts.not_joined(snapshot.endpoints)
        return Explanation(
            phase=self.phase,
            awaiting=self._awaiting(),
            node_id=local.node_id,
            addr=local.addr,
            alive=self.alive,
            expected=self._expected,
            known=self.known,
            sources=self._discovery.status(),
            remembered=sum(endpoint.source == CACHE_SOURCE for endpoint in snapshot.endpoints),
            not_joined=not_joined,
            next_action="contact those who are missing",
            next_in=next_in,
            advice=self._advice(not_joined),
        )

    def _awaiting(self) -> str:
        if self._expected is not None and self.alive < self._expected:
            return f"{self._expected - self.alive} more of the {self._expected} nodes expected"
        if self.phase in {Phase.ALONE, Phase.RESOLVING}:
            return "any other node"
        return f"{self.known - self.alive} members that died" if self.phase is Phase.SPLIT else ""

    def _advice(self, not_joined: Sequence[NotJoined]) -> tuple[str, ...]:
        outcomes = {peer.outcome for peer in not_joined}
        if not self.is_alone or not outcomes:
            return ()
        if outcomes == {JoinOutcome.SELF}:
            return (_ONLY_OURSELVES,)
        return (_ALL_FOREIGN,) if outcomes <= {JoinOutcome.SELF, JoinOutcome.FOREIGN} else ()
