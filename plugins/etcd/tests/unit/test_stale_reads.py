"""Answers from the past, and when they are the new present."""

from types import SimpleNamespace

import pytest

from engram_discovery.errors import FailureKind
from engram_discovery.testing import FakeClock
from engram_discovery_etcd.failures import EtcdError
from engram_discovery_etcd.stale_reads import RevisionMark, StaleReadGuard
from plugins.etcd.tests.factories import Log


def header(revision: int, raft_term: int = 2, cluster_id: int = 1) -> SimpleNamespace:
    return SimpleNamespace(cluster_id=cluster_id, raft_term=raft_term, revision=revision)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def history(clock: FakeClock, log: Log) -> StaleReadGuard:
    """A history that has reached revision 10 in term 2."""
    history = StaleReadGuard(clock, log)
    history.check(header(10), None)
    return history


def behind(history: StaleReadGuard, *marks: SimpleNamespace) -> list[EtcdError]:
    """Let endpoints answer from the past; return what each came to."""
    errors = []
    for one in marks:
        with pytest.raises(EtcdError) as caught:
            history.check(one, history.mark)
        errors.append(caught.value)
    return errors


@pytest.mark.parametrize("past", [header(9), header(11, raft_term=1), header(11, cluster_id=7)])
def test_an_answer_from_the_past_is_not_believed(history: StaleReadGuard, past: SimpleNamespace) -> None:
    """Revision or term gone back, or another cluster: another endpoint may know better."""
    [error] = behind(history, past)

    assert error.elsewhere
    assert error.kind is FailureKind.BAD_DATA
    assert history.mark == RevisionMark(1, 2, 10)


def test_answers_that_overtake_each_other_are_both_good(history: StaleReadGuard) -> None:
    """What counts is what was known when the question was asked."""
    since = history.mark
    history.check(header(12), since)

    history.check(header(11), since)

    assert history.mark == RevisionMark(1, 2, 12)


def test_one_good_endpoint_is_enough(history: StaleReadGuard, clock: FakeClock, log: Log) -> None:
    """A member that is behind, beside one that is not, is never followed."""
    history.all_behind(behind(history, header(1)))
    history.check(header(10), history.mark)

    wait = history.all_behind(behind(history, header(1)))

    assert wait == 3.0
    assert log.events == []


async def test_all_behind_twice_some_seconds_apart_is_a_reset(
    history: StaleReadGuard, clock: FakeClock, log: Log
) -> None:
    """The first time is a suspicion, a second within three seconds proves nothing, a later one is followed."""
    first = history.all_behind(behind(history, header(1), header(1)))
    await clock.advance(2)
    soon = history.all_behind(behind(history, header(1), header(1)))
    await clock.advance(1)
    later = history.all_behind(behind(history, header(1), header(1)))

    assert (first, soon, later) == (3.0, 1.0, 0.1)
    assert log.events == ["etcd.history_reset"]
    assert history.mark == RevisionMark(1, 2, 1)
    history.check(header(1), history.mark)


def test_endpoints_that_are_away_do_not_vote(history: StaleReadGuard) -> None:
    """A reset needs one that answers; one that refuses us for other reasons speaks against it."""
    refused = EtcdError("connection refused", FailureKind.REFUSED)
    forbidden = EtcdError("permission denied", FailureKind.FORBIDDEN)
    [past] = behind(history, header(1))

    assert history.all_behind([refused]) is None
    assert history.all_behind([past, forbidden]) is None
    assert history.all_behind([past, refused]) == 3.0
