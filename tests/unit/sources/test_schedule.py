"""When a source is asked again."""

from __future__ import annotations

import random

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.runtime.backoff import Backoff
from engram_discovery.sources.schedule import Schedule
from tests.support.scripted import failure


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(random.Random(1), refresh_interval=30)


def test_waits_double_up_to_the_cap_with_jitter() -> None:
    """``uniform(0.5, 1) * min(cap, base * 2**n)``, for ever, and from the start again after a success."""
    backoff = Backoff(random.Random(1))

    waits = [backoff.next() for _ in range(5000)]
    backoff.reset()

    for n, wait in enumerate(waits):
        ceiling = min(30.0, 0.25 * 2.0 ** min(n, 100))
        assert ceiling / 2 <= wait <= ceiling
    assert backoff.next() <= 0.25


@pytest.mark.parametrize(
    ("asked", "lowest", "highest"),
    [(60, 60, 60), (1e12, 3600, 3600), (0, 0.1, 0.25), (-5, 0.1, 0.25), (float("nan"), 0.1, 0.25)],
)
def test_what_the_server_asks_for_wins_if_it_makes_sense(asked: float, lowest: float, highest: float) -> None:
    """A ``retry_after`` is obeyed up to an hour; nonsense is ignored."""
    assert lowest <= Backoff(random.Random(1)).next(asked) <= highest


def test_before_the_first_success_rounds_come_quickly(schedule: Schedule) -> None:
    """From a tenth of a second to five seconds, whether the source fails or is empty."""
    waits = [schedule.after_failure(failure()) for _ in range(10)] + [schedule.after_empty(None)]

    assert waits[0] <= 0.1
    assert all(wait <= 5 for wait in waits)
    assert waits[-1] >= 2.5


def test_after_a_success_failures_back_off_to_thirty_seconds(schedule: Schedule) -> None:
    """A source that worked once is not hammered when it stops."""
    schedule.after_found(None)

    waits = [schedule.after_failure(failure()) for _ in range(12)]

    assert waits[0] <= 0.25
    assert 15 <= waits[-1] <= 30


@pytest.mark.parametrize("kind", [FailureKind.UNAUTHORIZED, FailureKind.FORBIDDEN])
def test_what_only_a_human_can_mend_is_asked_seldom(schedule: Schedule, kind: FailureKind) -> None:
    """A wrong token is tried every fifteen seconds at most."""
    waits = [schedule.after_failure(failure(kind, retryable=False)) for _ in range(20)]

    assert all(15 <= wait <= 30 for wait in waits)


def test_five_faults_of_its_own_in_a_row_are_a_quarantine(schedule: Schedule) -> None:
    """Crashes and time-outs count, other failures break the row, an answer ends it."""
    bug: DiscoveryError = failure(FailureKind.PLUGIN_BUG)
    for _ in range(4):
        schedule.after_failure(bug)
    schedule.after_failure(failure(FailureKind.REFUSED))
    broken_row = schedule.circuit_open
    for kind in [FailureKind.PLUGIN_BUG, FailureKind.TIMEOUT] * 3:
        schedule.after_failure(failure(kind))
    full_row = schedule.circuit_open
    schedule.after_found(None)

    assert (broken_row, full_row, schedule.circuit_open) == (False, True, False)


def test_a_quarantined_plugin_waits_up_to_five_minutes(schedule: Schedule) -> None:
    """A plugin that crashes every time costs twelve rounds an hour."""
    bug = failure(FailureKind.PLUGIN_BUG)

    waits = [schedule.after_failure(bug) for _ in range(30)]

    assert waits[5] <= 20
    assert 150 <= waits[-1] <= 300
