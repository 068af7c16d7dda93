"""Why the cluster is as it is: one structure for the log, the command line and ``/cluster/discovery``.

The model is Elasticsearch's report on a cluster that has not formed: what is awaited, what was tried, what
each source said, what happens next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.network.address import Address
    from engram_discovery.sources.status import SourceStatus
    from engram_discovery.types import Endpoint, JoinOutcome

__all__ = ["Explanation", "NotJoined", "Phase"]

_MOST_PEERS = 1000
_MOST_PEERS_IN_TEXT = 10


class Phase(StrEnum):
    """How far the cluster has come, as this node sees it, from best to worst."""

    FORMED = "formed"
    FORMING = "forming"
    """Others are here, but fewer than expected."""
    SPLIT = "split"
    """Not more than half of the members that we know are here."""
    ALONE = "alone"
    RESOLVING = "resolving"
    """Alone, and no source has answered yet."""

    @property
    def severity(self) -> int:
        """Rank from 0, the best."""
        return list(Phase).index(self)


@dataclass(frozen=True, slots=True)
class NotJoined:
    """An endpoint that is no live member.

    Attributes:
        endpoint: Where it should be.
        outcome: What came of the last attempt; None if there was none.
        detail: The same in words.
        age: Seconds since that attempt.
    """

    endpoint: Endpoint
    outcome: JoinOutcome | None
    detail: str = ""
    age: float | None = None

    @property
    def is_self(self) -> bool:
        """Whether it turned out to be this node: worth telling only to one who is alone."""
        return self.outcome == "self"

    def __str__(self) -> str:
        words = [str(self.endpoint), f"(from {self.endpoint.source})" if self.endpoint.source else ""]
        if self.outcome is not None and not self.is_self:
            words.append("last joined" if self.outcome == "joined" else self.outcome.value)
        if self.age is not None:
            words.append(f"{self.age:.0f} s ago")
        text = " ".join(word for word in words if word)
        return f"{text}: {self.detail}" if self.detail else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The state of joining at one moment. All times are seconds.

    Attributes:
        phase: How far we are.
        awaiting: What is awaited, in words; empty if nothing.
        node_id: This node.
        addr: Its gossip address.
        alive: Live members, this node and suspected ones included.
        suspect: How many of them are suspected.
        expected: How many there should be, by the settings; None if they do not say.
        known: Members known that have not left, this node included.
        sources: Each source's state, in order.
        remembered: How many endpoints come from the memory on disk.
        not_joined: Endpoints that are no live members, and why not.
        next_action: What happens next, in words.
        next_in: When.
        advice: What a human could do about it.
    """

    phase: Phase
    awaiting: str
    node_id: str
    addr: Address
    alive: int
    suspect: int
    expected: int | None
    known: int
    sources: tuple[SourceStatus, ...]
    remembered: int
    not_joined: tuple[NotJoined, ...]
    next_action: str
    next_in: float
    advice: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain JSON types, with the first thousand of those who are not joined."""
        return {
            "phase": self.phase.value,
            "text": self.paragraph(),
            "sentences": list(self.sentences()),
            "awaiting": self.awaiting,
            "self": {"node_id": self.node_id, "addr": str(self.addr)},
            "alive": self.alive,
            "suspect": self.suspect,
            "expected": self.expected,
            "known": self.known,
            "sources": [status.as_dict() for status in self.sources],
            "remembered": self.remembered,
            "not_joined": [_not_joined_as_dict(peer) for peer in self.not_joined[:_MOST_PEERS]],
            "not_joined_total": len(self.not_joined),
            "next": {"action": self.next_action, "in": round(self.next_in, 3)},
            "advice": list(self.advice),
        }

    def paragraph(self) -> str:
        """Return it as a paragraph for people: one line, a few sentences."""
        return ". ".join(self.sentences())

    def sentences(self) -> tuple[str, ...]:
        """Return it as sentences for people, without capitals and full stops."""
        sentences = [self._headline(), *(status.sentence() for status in self.sources)]
        if self.remembered:
            sentences.append(f"the memory on disk has {self.remembered} from an earlier run")
        missing = (
            self.not_joined if self.alive <= 1 else [peer for peer in self.not_joined if not peer.is_self]
        )
        if missing:
            sentences.append(f"not joined: {_list_some(missing)}")
        sentences.append(f"next: {self.next_action} in {self.next_in:.0f} s")
        sentences.extend(self.advice)
        return tuple(sentences)

    def _headline(self) -> str:
        me = f"this node ({self.node_id}, {self.addr})"
        awaiting = f", waiting for {self.awaiting}" if self.awaiting else ""
        if self.alive <= 1:
            return f"{me} is alone{awaiting}"
        members = f"{self.alive} live members of {max(self.known, self.expected or 0)}"
        suspected = f" ({self.suspect} of them suspected)" if self.suspect else ""
        return f"{me} sees {members}{suspected}{awaiting}"


def _list_some(peers: Sequence[NotJoined]) -> str:
    shown = "; ".join(str(peer) for peer in peers[:_MOST_PEERS_IN_TEXT])
    more = len(peers) - _MOST_PEERS_IN_TEXT
    return f"{shown}; and {more} more" if more > 0 else shown


def _not_joined_as_dict(peer: NotJoined) -> dict[str, Any]:
    return {
        "endpoint": str(peer.endpoint),
        "source": peer.endpoint.source,
        "outcome": None if peer.outcome is None else peer.outcome.value,
        "detail": peer.detail,
        "age": None if peer.age is None else round(peer.age, 3),
    }
