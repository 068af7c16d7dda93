"""Explain why a node has, or has not, joined its cluster: for the log, the CLI and ``/cluster/discovery`` alike.

The model is the report of Elasticsearch on a cluster that has not formed: what is awaited, what was tried, what each
source answered, what happens next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from engram_discovery.defaults import MAX_ENDPOINTS_IN_BODY, MAX_ENDPOINTS_IN_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.membership.counts import MemberCounts
    from engram_discovery.network.address import Address
    from engram_discovery.sources.status import SourceStatus
    from engram_discovery.types import Endpoint, JoinOutcome

__all__ = ["JoinExplanation", "NotJoined", "Phase"]


class Phase(StrEnum):
    """The progress of cluster formation as this node sees it, from best to worst."""

    FORMED = "formed"
    FORMING = "forming"
    """Other members are live, but fewer than expected."""
    SPLIT = "split"
    """At most half of the known members are live."""
    ALONE = "alone"
    RESOLVING = "resolving"
    """Alone, and no source has answered yet."""

    @property
    def severity(self) -> int:
        """Rank from 0, the best."""
        return list(Phase).index(self)


@dataclass(frozen=True, slots=True)
class NotJoined:
    """An endpoint that is not a live member.

    Attributes:
        endpoint: The endpoint.
        outcome: Outcome of the last attempt; None if there was none.
        detail: The same in words.
        age: Seconds since that attempt.
    """

    endpoint: Endpoint
    outcome: JoinOutcome | None
    detail: str = ""
    age: float | None = None

    @property
    def is_self(self) -> bool:
        """Whether it is this node, which is of interest only while it is alone."""
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
class JoinExplanation:
    """The state of joining at one moment. All times are seconds.

    Attributes:
        phase: The progress.
        awaiting: What is awaited, in words; empty if nothing.
        node_id: This node.
        addr: Its gossip address.
        counts: Members by state, this node included.
        sources: The status of each source, in order.
        cached: Number of endpoints from the peer cache.
        not_joined: Endpoints that are not live members, and why.
        next_action: What happens next, in words.
        next_in: Seconds until then.
        advice: What an operator can do.
    """

    phase: Phase
    awaiting: str
    node_id: str
    addr: Address
    counts: MemberCounts
    sources: tuple[SourceStatus, ...]
    cached: int
    not_joined: tuple[NotJoined, ...]
    next_action: str
    next_in: float
    advice: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types, with at most a thousand endpoints that are not joined."""
        return {
            "phase": self.phase.value,
            "text": self.paragraph(),
            "sentences": list(self.sentences()),
            "awaiting": self.awaiting,
            "self": {"node_id": self.node_id, "addr": str(self.addr)},
            "alive": self.counts.alive,
            "suspect": self.counts.suspect,
            "dead": self.counts.dead,
            "left": self.counts.left,
            "live": self.counts.live,
            "expected": self.counts.expected,
            "known": self.counts.known,
            "sources": [status.as_dict() for status in self.sources],
            "cached": self.cached,
            "not_joined": [_not_joined_as_dict(peer) for peer in self.not_joined[:MAX_ENDPOINTS_IN_BODY]],
            "not_joined_total": len(self.not_joined),
            "next": {"action": self.next_action, "in": round(self.next_in, 3)},
            "advice": list(self.advice),
        }

    def paragraph(self) -> str:
        """Return it as one line of a few sentences."""
        return ". ".join(self.sentences())

    def sentences(self) -> tuple[str, ...]:
        """Return it as sentences, without capitals and full stops."""
        sentences = [self._headline(), *(status.sentence() for status in self.sources)]
        if self.cached:
            sentences.append(f"the peer cache holds {self.cached} from an earlier run")
        missing = (
            self.not_joined
            if self.counts.live <= 1
            else [peer for peer in self.not_joined if not peer.is_self]
        )
        if missing:
            sentences.append(f"not joined: {_list_some(missing)}")
        sentences.append(f"next: {self.next_action} in {self.next_in:.0f} s")
        sentences.extend(self.advice)
        return tuple(sentences)

    def _headline(self) -> str:
        node = f"this node ({self.node_id}, {self.addr})"
        awaiting = f", waiting for {self.awaiting}" if self.awaiting else ""
        if self.counts.live <= 1:
            return f"{node} is alone{awaiting}"
        members = f"{self.counts.live} live members of {self.counts.wanted}"
        return f"{node} sees {members}{self.counts.suspects_text}{awaiting}"


def _list_some(peers: Sequence[NotJoined]) -> str:
    shown = "; ".join(str(peer) for peer in peers[:MAX_ENDPOINTS_IN_TEXT])
    more = len(peers) - MAX_ENDPOINTS_IN_TEXT
    return f"{shown}; and {more} more" if more > 0 else shown


def _not_joined_as_dict(peer: NotJoined) -> dict[str, Any]:
    return {
        "endpoint": str(peer.endpoint),
        "source": peer.endpoint.source,
        "outcome": None if peer.outcome is None else peer.outcome.value,
        "detail": peer.detail,
        "age": None if peer.age is None else round(peer.age, 3),
    }
