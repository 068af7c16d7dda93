"""What is known from one source, for any order of outcomes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.sources.last_known_good import LastKnownGood
from engram_discovery.sources.validation import validate_answer
from engram_discovery.types import Found
from tests.support.scripted import EMPTY, failure, found, peers

numbers = st.sets(st.integers(1, 9), min_size=1)
rounds = st.lists(
    st.one_of(
        st.just(EMPTY),
        st.sampled_from(list(FailureKind)).map(failure),
        numbers.map(lambda some: found(*sorted(some))),
        numbers.map(lambda some: found(*sorted(some), complete=False)),
    ),
    max_size=30,
)


@given(rounds)
def test_peers_go_only_by_a_complete_answer_or_two_empty_ones(outcomes: list[object]) -> None:
    """Complete answers replace, partial ones add, failures do nothing, and two empty ones in a row clear."""
    known = LastKnownGood("dns")
    expected: set[object] = set()
    empties = 0

    for now, outcome in enumerate(outcomes):
        if isinstance(outcome, DiscoveryError):
            known.record_failure(outcome, now)
        else:
            known.record_answer(validate_answer(outcome, source="dns"), now)
        empties = empties + 1 if outcome is EMPTY else 0
        if isinstance(outcome, Found):
            expected = set(outcome.endpoints) | (set() if outcome.complete else expected)
        elif empties == 2:
            expected = set()

        assert set(known.endpoints) == expected
        assert (known.status(now).stale_for is None) is not isinstance(outcome, DiscoveryError)


def test_staleness_counts_from_the_first_failure() -> None:
    """The age of what is shown is told from the last answer, the outage from its first failure."""
    known = LastKnownGood("dns")
    known.record_answer(validate_answer(found(1), source="dns"), 10.0)
    known.record_failure(failure(), 15.0)
    known.record_failure(failure(), 25.0)

    status = known.status(40.0)

    assert (status.age, status.stale_for, status.failures) == (30.0, 25.0, 2)
    assert known.endpoints == peers(1)
