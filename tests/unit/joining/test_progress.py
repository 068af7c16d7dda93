"""How a head count is judged."""

from __future__ import annotations

import pytest

from engram_discovery.joining.explain import Phase
from engram_discovery.joining.progress import MemberCounts


@pytest.mark.parametrize(
    ("alive", "known", "expected", "alone", "split", "urgent", "incomplete"),
    [
        (1, 1, None, True, False, True, True),
        (1, 1, 1, True, False, True, False),
        (1, 5, None, True, False, True, True),
        (2, 2, None, False, False, False, False),
        (2, 3, None, False, False, False, False),
        (3, 6, None, False, True, True, False),
        (4, 6, None, False, False, False, False),
        (2, 2, 5, False, False, True, True),
        (3, 3, 5, False, False, False, True),
        (5, 5, 5, False, False, False, False),
        (7, 7, 5, False, False, False, False),
    ],
)
def test_a_head_count_is_judged_by_what_is_known_and_expected(
    alive: int, known: int, expected: int | None, alone: bool, split: bool, urgent: bool, incomplete: bool
) -> None:
    """Half of the known is a split, half of the expected is urgent, and only the expected size is complete."""
    count = MemberCounts(alive, known, expected)

    assert (count.is_alone, count.is_split) == (alone, split)
    assert (count.is_urgent, count.is_incomplete) == (urgent, incomplete)


def test_phases_are_ranked_from_best_to_worst() -> None:
    """Formed is best; being alone without an answer from any source is worst."""
    assert [phase.severity for phase in Phase] == list(range(len(Phase)))
    assert (Phase.FORMED.severity, Phase.RESOLVING.severity) == (0, 4)
