"""One source: what each outcome does to it, when it asks, what it says."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from engram_discovery.errors import FailureKind
from engram_discovery.sources import Outcome
from engram_discovery.testing.virtual_time import in_virtual_time
from engram_discovery.types import Endpoint, Found
from tests.support.scripted import EMPTY, Scripted, failure, found, hang, peers
from tests.support.sources import make_source
from tests.support.timed_log import RecordingLogger


@in_virtual_time
async def test_found_replaces_the_peers() -> None:
    """The newest complete answer is what is known."""
    source = make_source(Scripted(found(1, 2), found(2, 3)))

    await source.refresh()
    await source.refresh()

    assert source.snapshot() == peers(2, 3)
    assert source.status().outcome is Outcome.FOUND
    await source.aclose()


@in_virtual_time
async def test_failure_keeps_the_peers() -> None:
    """A failure changes nothing but the age and the staleness."""
    source = make_source(Scripted(found(1, 2), failure()))

    await source.refresh()
    await asyncio.sleep(7)
    await source.refresh()
    await asyncio.sleep(3)

    status = source.status()
    assert source.snapshot() == peers(1, 2)
    assert (status.outcome, status.count, status.age, status.stale_for) == (Outcome.FAILED, 2, 10.0, 3.0)
    assert (status.error, status.error_kind) == ("away", FailureKind.UNAVAILABLE)
    await source.aclose()


@in_virtual_time
async def test_one_empty_answer_keeps_the_peers_and_the_second_drops_them() -> None:
    """Empty must be said twice in a row before known peers are dropped."""
    source = make_source(Scripted(found(1), EMPTY, EMPTY))

    await source.refresh()
    await source.refresh()
    after_one = source.snapshot()
    await source.refresh()

    assert after_one == peers(1)
    assert source.snapshot() == ()
    await source.aclose()


@in_virtual_time
async def test_found_between_two_empty_answers_starts_the_count_anew() -> None:
    """A name server that lies now and then empties nothing."""
    source = make_source(Scripted(found(1), EMPTY, found(1), EMPTY))

    for _ in range(4):
        await source.refresh()

    assert source.snapshot() == peers(1)
    await source.aclose()


@in_virtual_time
async def test_partial_answer_keeps_the_last_addresses_of_the_missing_targets() -> None:
    """What a partial answer leaves out is still known; what it speaks of is replaced."""
    both = (*peers(1, meta={"target": "a"}), *peers(2, meta={"target": "b"}))
    moved = peers(3, meta={"target": "a"})
    source = make_source(Scripted(Found(both), Found(moved, complete=False)))

    await source.refresh()
    await source.refresh()

    assert source.snapshot() == peers(3, 2)
    assert source.status().complete is False
    assert source.status().partial == {"source": 1}
    await source.aclose()


async def _exit() -> None:
    raise SystemExit(3)


async def _cancel() -> None:
    raise asyncio.CancelledError


async def _recurse() -> None:
    await _recurse()


async def _bug() -> None:
    raise ValueError("s3cret-token")


async def _swallow_once() -> Any:
    try:
        await hang()
    except asyncio.CancelledError:
        await hang()


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (_exit, FailureKind.PLUGIN_BUG),
        (_cancel, FailureKind.PLUGIN_BUG),
        (_recurse, FailureKind.PLUGIN_BUG),
        (_bug, FailureKind.PLUGIN_BUG),
        (None, FailureKind.PLUGIN_BUG),
        ("10.0.0.1", FailureKind.PLUGIN_BUG),
        ([1, 2], FailureKind.PLUGIN_BUG),
        (hang, FailureKind.TIMEOUT),
        (_swallow_once, FailureKind.TIMEOUT),
        (failure(FailureKind.REFUSED), FailureKind.REFUSED),
    ],
)
def test_whatever_a_plugin_does_is_one_failed_round(step: Any, kind: FailureKind) -> None:
    """Each way to misbehave is a failure of its kind, without the plugin's message, and the peers stay."""

    @in_virtual_time
    async def scenario() -> None:
        logger = RecordingLogger()
        source = make_source(Scripted(found(1), step), logger)

        await source.refresh()
        await source.refresh()

        assert source.status().error_kind is kind
        assert source.snapshot() == peers(1)
        assert "s3cret" not in f"{source.status()}{logger.lines}"
        await source.aclose()

    scenario()


@in_virtual_time
async def test_one_bad_record_of_three_is_dropped_and_the_answer_is_partial() -> None:
    """Good records survive bad ones; hostile addresses are dropped and counted."""
    hostile = Endpoint("0.0.0.0", 7946)
    source = make_source(Scripted(Found((*peers(1), "nonsense", hostile))))  # type: ignore[arg-type]

    await source.refresh()

    assert source.snapshot() == peers(1)
    assert source.status().rejected == {"malformed": 1, "wildcard": 1}
    assert source.status().partial == {"malformed": 1}
    await source.aclose()


@in_virtual_time
async def test_a_call_that_resists_cancellation_is_abandoned_and_named() -> None:
    """After two cancellations the host goes on, says whose fault it is, and does not call again meanwhile."""
    release = asyncio.Event()

    async def stubborn() -> Any:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return found(1)

    logger = RecordingLogger()
    discoverer = Scripted(stubborn)
    source = make_source(discoverer, logger)

    await source.refresh()
    await source.refresh()

    assert logger.events("plugin.cancellation_ignored") == [{"provider": "dns", "duration_seconds": 2.0}]
    assert len(discoverer.asked_at) == 1
    assert "still running" in source.status().error
    release.set()
    await asyncio.sleep(0.01)
    await source.refresh()
    assert source.snapshot() == peers(1)
    await source.aclose()


@in_virtual_time
async def test_rounds_come_at_the_ttl_within_bounds() -> None:
    """The next round is at the TTL, at least 1 s and at most the refresh interval away, give or take 10 %."""
    for ttl, low, high in [(0, 1.0, 1.1), (5, 4.5, 5.5), (86_400, 27.0, 33.0), (None, 27.0, 33.0)]:
        source = make_source(Scripted(found(1, ttl=ttl)))
        source.start()
        await asyncio.sleep(0.01)

        wait = source.status().next_refresh_in

        assert wait is not None
        assert low <= wait + 0.01 <= high
        await source.aclose()


@in_virtual_time
async def test_a_source_that_comes_back_is_asked_within_35_seconds() -> None:
    """However long a server was away, peers come back soon after it does."""
    source = make_source(Scripted(failure(FailureKind.TIMEOUT)))
    source.start()
    await asyncio.sleep(3600)

    wait = source.status().next_refresh_in

    assert wait is not None
    assert wait <= 35
    await source.aclose()


@in_virtual_time
async def test_a_crashing_plugin_is_quarantined_with_growing_waits() -> None:
    """After five crashes in a row a plugin is asked seldom, but every five minutes at least."""
    discoverer = Scripted(_bug)
    source = make_source(discoverer)
    source.start()
    await asyncio.sleep(3600)

    gaps = [later - earlier for earlier, later in itertools.pairwise(discoverer.asked_at)]

    assert source.status().circuit_open
    assert max(gaps) <= 300
    assert gaps[-1] >= 150
    assert len(gaps) < 30
    await source.aclose()


@in_virtual_time
async def test_an_outage_of_a_day_costs_few_lines_and_no_peer() -> None:
    """First failure, powers of two, then every five minutes, and one line on the recovery."""
    logger = RecordingLogger()
    discoverer = Scripted(found(1, 2, 3), failure())
    source = make_source(discoverer, logger)
    source.start()
    await asyncio.sleep(24 * 3600)
    lines = len(logger.events("discovery.failed"))
    kept = source.snapshot()
    discoverer.steps = [found(1, 2, 3)]
    await asyncio.sleep(60)

    assert kept == peers(1, 2, 3)
    assert 24 * 11 <= lines <= 24 * 13
    assert logger.events("discovery.failed")[0]["kept"] == 3
    recoveries = logger.events("discovery.recovered")
    assert len(recoveries) == 1
    assert recoveries[0]["duration_seconds"] > 23 * 3600
    await source.aclose()


@in_virtual_time
async def test_two_refreshes_at_once_are_one_round() -> None:
    """Whoever asks during a round gets its result."""

    async def slow() -> Any:
        await asyncio.sleep(1)
        return found(1)

    discoverer = Scripted(slow)
    source = make_source(discoverer)

    await asyncio.gather(source.refresh(), source.refresh())

    assert len(discoverer.asked_at) == 1
    await source.aclose()


@in_virtual_time
async def test_a_million_endpoints_are_cut_off() -> None:
    """An endless answer costs ten thousand endpoints and is marked partial."""
    taken = itertools.count()
    answer = found(1)
    object.__setattr__(
        answer, "endpoints", (endpoint for endpoint in itertools.cycle(peers(1)) if next(taken) >= 0)
    )
    source = make_source(Scripted(answer))

    await source.refresh()

    assert source.status().partial == {"limit": 1}
    assert next(taken) <= 10_002
    await source.aclose()


@in_virtual_time
async def test_closing_closes_the_discoverer_once_and_in_time() -> None:
    """Closing is bounded, whatever the discoverer does, and happens once."""

    class Hanging(Scripted):
        async def aclose(self) -> None:
            self.closed += 1
            await hang()

    discoverer = Hanging(hang)
    source = make_source(discoverer)
    source.start()
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()

    await source.aclose()
    await source.aclose()

    assert discoverer.closed == 1
    assert asyncio.get_running_loop().time() - began <= 5
