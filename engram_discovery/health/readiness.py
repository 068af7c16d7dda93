"""May this node be given work? The answer of ``/readyz``, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engram_discovery.types import NodeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.types import Member

__all__ = ["Readiness", "Requirement", "readiness"]

Requirement = Literal["started", "joined", "expected_size"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer.

    Attributes:
        ready: Whether the node may be given work.
        reason: Why, for people.
    """

    ready: bool
    reason: str


def readiness(members: Sequence[Member], requirement: Requirement, expected_size: int | None) -> Readiness:
    """Judge a view by the setting ``cluster.ready_requires``."""
    alive = sum(member.state is NodeState.ALIVE for member in members)
    if requirement == "started":
        return Readiness(ready=True, reason="started")
    if requirement == "joined":
        if alive > 1:
            return Readiness(ready=True, reason=f"joined, {alive} nodes are alive")
        return Readiness(ready=False, reason="alone: no other node is alive in our view")
    wanted = expected_size or 1
    return Readiness(ready=alive >= wanted, reason=f"{alive} of {wanted} expected nodes are alive")
