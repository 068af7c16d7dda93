"""Readiness: may the node be given work?"""

from __future__ import annotations

import pytest

from engram_discovery.health.readiness import Requirement, readiness
from engram_discovery.testing import make_member
from engram_discovery.types import NodeState


@pytest.mark.parametrize(
    ("requirement", "others", "expected", "ready"),
    [
        ("started", [], None, True),
        ("joined", [], None, False),
        ("joined", [NodeState.DEAD], None, False),
        ("joined", [NodeState.ALIVE], None, True),
        ("expected_size", [NodeState.ALIVE], 3, False),
        ("expected_size", [NodeState.ALIVE, NodeState.SUSPECT], 3, True),
        ("expected_size", [NodeState.ALIVE, NodeState.ALIVE], 3, True),
    ],
)
def test_readiness_follows_the_setting(
    requirement: Requirement, others: list[NodeState], expected: int | None, *, ready: bool
) -> None:
    """Only living nodes count, this one included, and there is always a reason."""
    members = [
        make_member("self", is_self=True),
        *(make_member(f"n{i}", s, port=1 + i) for i, s in enumerate(others)),
    ]

    answer = readiness(members, requirement, expected)

    assert answer.ready is ready
    assert answer.reason
