"""Count members by state, in the one place that health, readiness, joining, HTTP, metrics and the CLI use (ADR 8)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from engram_discovery.types import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.types import Member

__all__ = ["LIVE", "MemberCounts"]

#: States of a member that is present: a suspect is present until it is dead.
LIVE = frozenset({NodeState.ALIVE, NodeState.SUSPECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCounts:
    """The members of one view by state, this node included.

    Attributes:
        alive: Members that answer probes.
        suspect: Members that do not answer and may still refute it.
        dead: Members that failed; forgotten after ``health.forget_dead_after``.
        left: Members that left on purpose; forgotten after ``health.forget_left_after``.
        expected: The setting ``cluster.expected_size``; None if it is not set.
    """

    alive: int = 0
    suspect: int = 0
    dead: int = 0
    left: int = 0
    expected: int | None = None

    @classmethod
    def of(cls, members: Iterable[Member], expected: int | None = None) -> Self:
        """Count the members of a view."""
        states = Counter(member.state for member in members)
        return cls(
            alive=states[NodeState.ALIVE],
            suspect=states[NodeState.SUSPECT],
            dead=states[NodeState.DEAD],
            left=states[NodeState.LEFT],
            expected=expected,
        )

    @property
    def live(self) -> int:
        """Members that are present: alive or suspect."""
        return self.alive + self.suspect

    @property
    def suspects_text(self) -> str:
        """The states of the live members, to follow their number in a text; empty if all are alive."""
        return f" ({self.alive} alive, {self.suspect} suspect)" if self.suspect else ""

    @property
    def departed(self) -> int:
        """Members that are dead or left; the specification counts both as dead."""
        return self.dead + self.left

    @property
    def total(self) -> int:
        """All members of the view."""
        return self.live + self.departed

    @property
    def known(self) -> int:
        """Members that did not leave on purpose: the largest recent size of the cluster."""
        return self.live + self.dead

    @property
    def wanted(self) -> int:
        """The size that the cluster should have: known members, or ``expected`` where that is larger."""
        return max(self.known, self.expected or 0)

    @property
    def ratio(self) -> float:
        """Share of alive members, 0 to 1, that decides the health; 1.0 for an empty view (specification)."""
        denominator = max(self.total, self.expected or 0)
        return self.alive / denominator if denominator else 1.0
