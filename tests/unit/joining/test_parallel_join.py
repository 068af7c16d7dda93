"""Contacting many endpoints: side by side, no more than needed, under one deadline."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.defaults import MAX_CONCURRENT_JOINS
from engram_discovery.errors import JoinError
from engram_discovery.joining.parallel_join import ParallelJoin, enough_contacts
from engram_discovery.testing import FakeClock
from engram_discovery.testing.virtual_time import LoopClock, in_virtual_time
from engram_discovery.types import Endpoint, JoinAttempt, JoinOutcome, JoinReport
from tests.support.scripted import peers
from tests.support.simulated_network import Network, SimulatedMembership

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("candidates", "at_least", "expected"),
    [(0, 1, 1), (1, 1, 3), (9, 1, 3), (10, 1, 6), (99, 1, 6), (100, 1, 9), (999, 1, 9), (9, 5, 5)],
)
def test_contacts_grow_with_the_logarithm(candidates: int, at_least: int, expected: int) -> None:
    """Three for each factor of ten, and never fewer than ``min_peers``."""
    assert enough_contacts(candidates, at_least=at_least) == expected


class Dialler(SimulatedMembership):
    """Answers each endpoint by a script: an outcome at once, an exception, or nothing."""

    def __init__(self, answers: dict[Endpoint, Any], otherwise: Any = JoinOutcome.JOINED) -> None:
        network = Network(random.Random(1))
        engine = network.add(0)
        super().__init__(network, "me", engine.addr, "engram")
        self._answers = answers
        self._otherwise = otherwise
        self.begun: list[Endpoint] = []
        self.under_way = 0
        self.most_under_way = 0

    async def join(self, endpoints: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        (endpoint,) = endpoints
        self.begun.append(endpoint)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer(endpoint, timeout)
        finally:
            self.under_way -= 1

    async def _answer(self, endpoint: Endpoint, timeout: float) -> JoinReport:
        answer = self._answers.get(endpoint, self._otherwise)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        if answer is JoinOutcome.SILENT:
            await asyncio.sleep(timeout)
        await asyncio.sleep(0.01)
        return JoinReport((JoinAttempt(endpoint, answer),))


def outcomes(report: JoinReport) -> Counter[JoinOutcome]:
    return Counter(attempt.outcome for attempt in report.attempts)


@in_virtual_time
async def test_a_thousand_seeds_cost_no_more_contacts_than_needed() -> None:
    """Prompt answers: exactly the target is joined, in the order given."""
    seeds = peers(*range(250)) + tuple(Endpoint(f"10.0.1.{n}", 7946) for n in range(250))
    dialler = Dialler({})

    report = await ParallelJoin(dialler, target=9, at_least=1, timeout=5, clock=LoopClock()).run(seeds)

    assert report.joined == 9
    assert dialler.begun == list(seeds[:9])


@in_virtual_time
async def test_black_holes_cost_only_themselves() -> None:
    """Two of three seeds drop every packet: the start takes a second longer, not five."""
    first, second, third = peers(1, 2, 3)
    dialler = Dialler({first: JoinOutcome.SILENT, second: None})
    began = asyncio.get_running_loop().time()

    report = await ParallelJoin(dialler, target=3, at_least=1, timeout=5, clock=LoopClock()).run(
        (first, second, third)
    )

    assert asyncio.get_running_loop().time() - began <= 1.1
    assert outcomes(report) == {JoinOutcome.JOINED: 1, JoinOutcome.SILENT: 2}
    assert dialler.under_way == 0


@in_virtual_time
async def test_a_slow_contact_makes_room_for_the_next_after_a_second() -> None:
    """Twelve black holes before the first live seed delay it by some seconds, not by their deadlines."""
    seeds = peers(*range(1, 21))
    dialler = Dialler(dict.fromkeys(seeds[:12], JoinOutcome.SILENT))
    began = asyncio.get_running_loop().time()

    report = await ParallelJoin(dialler, target=6, at_least=1, timeout=5, clock=LoopClock()).run(seeds)

    assert report.joined >= 6
    assert asyncio.get_running_loop().time() - began <= 3.1
    assert dialler.most_under_way <= MAX_CONCURRENT_JOINS


@in_virtual_time
async def test_never_more_than_sixteen_at_once() -> None:
    """However many seeds are silent, sixteen contacts are open at most, and the deadline holds."""
    seeds = peers(*range(1, 101))
    dialler = Dialler({}, otherwise=JoinOutcome.SILENT)
    began = asyncio.get_running_loop().time()

    report = await ParallelJoin(dialler, target=9, at_least=1, timeout=5, clock=LoopClock()).run(seeds)

    assert dialler.most_under_way == MAX_CONCURRENT_JOINS
    assert asyncio.get_running_loop().time() - began <= 5.5
    assert report.joined == 0
    assert outcomes(report)[JoinOutcome.SILENT] >= 2 * MAX_CONCURRENT_JOINS - 1


@in_virtual_time
async def test_an_engine_that_raises_costs_one_contact() -> None:
    """Errors of the engine are outcomes of their endpoint."""
    first, second, third = peers(1, 2, 3)
    foreign = JoinAttempt(second, JoinOutcome.FOREIGN, "another key")
    dialler = Dialler({first: RuntimeError("s3cret"), second: JoinError("nobody", [foreign])})

    report = await ParallelJoin(dialler, target=3, at_least=1, timeout=5, clock=LoopClock()).run(
        (first, second, third)
    )

    assert outcomes(report) == {JoinOutcome.UNREACHABLE: 1, JoinOutcome.FOREIGN: 1, JoinOutcome.JOINED: 1}
    assert "s3cret" not in str(report)


@in_virtual_time
async def test_cancelling_leaves_no_contact_open() -> None:
    """Cancelling the attempt cancels its contacts."""
    dialler = Dialler({}, otherwise=None)
    effort = asyncio.create_task(
        ParallelJoin(dialler, target=3, at_least=1, timeout=5, clock=LoopClock()).run(peers(1, 2, 3))
    )
    await asyncio.sleep(1)

    effort.cancel()
    await asyncio.wait({effort})

    assert dialler.under_way == 0
    assert effort.cancelled()


async def test_deadlines_follow_the_clock() -> None:
    """A seed that does not answer costs seconds of the clock in use, not of the machine."""
    clock, dialler = FakeClock(), Dialler({}, otherwise=None)
    attempt = ParallelJoin(dialler, target=1, at_least=1, timeout=3600, clock=clock)
    running = asyncio.ensure_future(attempt.run(peers(1)))

    await clock.advance(3601)
    report = await asyncio.wait_for(running, 10)

    assert outcomes(report) == {JoinOutcome.SILENT: 1}
    assert dialler.under_way == 0
