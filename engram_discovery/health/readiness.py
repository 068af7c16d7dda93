"""Evaluate whether this node may receive traffic: the answer of ``/readyz``, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engram_discovery.membership.counts import MemberCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.types import Member

__all__ = ["Readiness", "Requirement", "readiness"]

Requirement = Literal["started", "joined", "expected_size"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the node is ready.

    Attributes:
        ready: Whether the node may receive traffic.
        reason: Why, in words.
    """

    ready: bool
    reason: str


def readiness(members: Sequence[Member], requirement: Requirement, expected_size: int | None) -> Readiness:
    """Evaluate a view by the setting ``cluster.ready_requires``. A suspect counts as present until it is dead."""
    counts = MemberCounts.of(members, expected_size)
    if requirement == "started":
        return Readiness(ready=True, reason="started")
    if requirement == "joined":
        if counts.live > 1:
            return Readiness(ready=True, reason=f"joined, {counts.live} nodes are live{counts.suspects_text}")
        return Readiness(ready=False, reason="alone: no other node is live in this view")
    wanted = expected_size or 1
    reason = f"{counts.live} of {wanted} expected nodes are live{counts.suspects_text}"
    return Readiness(ready=counts.live >= wanted, reason=reason)
