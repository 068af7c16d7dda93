"""The verdict, the report, and what is logged when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from engram_discovery.health.monitor import ClusterHealth
from engram_discovery.health.summary import evaluate
from engram_discovery.settings.models import HealthSettings
from engram_discovery.testing import FakeClock, FakeMembership, LogEvent, RecordingLogger, make_member
from engram_discovery.testing.virtual_time import in_virtual_time
from engram_discovery.types import CheckResult, CheckStatus, EventKind, HealthStatus, NodeState

ALIVE, SUSPECT, DEAD, LEFT = NodeState.ALIVE, NodeState.SUSPECT, NodeState.DEAD, NodeState.LEFT


def members(*states: NodeState) -> list[Any]:
    return [make_member(f"n{i}", state, port=1 + i, is_self=i == 0) for i, state in enumerate(states)]


def health_of(
    membership: FakeMembership, clock: FakeClock, **kwargs: Any
) -> tuple[ClusterHealth, RecordingLogger]:
    log = RecordingLogger()
    kwargs.setdefault("expected_size", None)
    return ClusterHealth(membership, HealthSettings(), clock=clock, logger=log, **kwargs), log


@pytest.mark.parametrize(
    ("states", "expected", "status"),
    [
        ([], None, HealthStatus.HEALTHY),
        ([ALIVE], None, HealthStatus.HEALTHY),
        ([ALIVE, SUSPECT, DEAD], None, HealthStatus.CRITICAL),
        ([ALIVE, ALIVE, DEAD], None, HealthStatus.DEGRADED),
        ([ALIVE] * 4 + [DEAD], None, HealthStatus.HEALTHY),
        ([ALIVE, ALIVE, LEFT], None, HealthStatus.DEGRADED),
        ([ALIVE, DEAD], None, HealthStatus.DEGRADED),
        ([ALIVE, ALIVE], 5, HealthStatus.CRITICAL),
        ([ALIVE] * 4, 5, HealthStatus.HEALTHY),
        ([ALIVE, ALIVE, DEAD], 2, HealthStatus.DEGRADED),
    ],
)
def test_the_verdict_follows_the_specification(
    states: list[NodeState], expected: int | None, status: HealthStatus
) -> None:
    """Below half alive is critical, below four fifths degraded, an empty view is healthy, and missing nodes count."""
    assert evaluate(members(*states), HealthSettings(), expected).status is status


def test_left_counts_as_dead_and_is_told_apart() -> None:
    """The counts add up to the total."""
    counts = evaluate(members(ALIVE, SUSPECT, DEAD, LEFT), HealthSettings()).counts

    assert (counts.total, counts.alive, counts.suspect, counts.departed, counts.left) == (4, 1, 1, 2, 1)


async def test_the_report_shows_every_node() -> None:
    """Each node has id, address, state, whole seconds since its last change, and spaces."""
    clock = FakeClock()
    other = replace(make_member("b", SUSPECT, port=2), spaces=("x",), spaces_omitted=3)
    health, _ = health_of(FakeMembership([make_member("a", is_self=True), other]), clock)

    await clock.advance(7.9)
    report = health.report()

    assert [(n.id, n.addr, n.state, n.last_seen) for n in report.nodes] == [
        ("a", "127.0.0.1:7946", ALIVE, 0),
        ("b", "127.0.0.1:2", SUSPECT, 7),
    ]
    assert (report.nodes[1].spaces, report.nodes[1].spaces_omitted) == (("x",), 3)
    assert report.status is HealthStatus.DEGRADED


async def test_a_change_is_logged_when_it_happens() -> None:
    """The event and the new status are in the log before the next round."""
    clock = FakeClock()
    membership = FakeMembership(members(ALIVE, ALIVE))
    health, log = health_of(membership, clock)
    health.start()
    await clock.advance(1)

    for kind, state in [(EventKind.SUSPECTED, SUSPECT), (EventKind.DIED, DEAD), (EventKind.JOINED, ALIVE)]:
        membership.see(kind, make_member("n1", state, port=2))
        await clock.advance(0)
    await health.aclose()

    assert [(event.level, event.event) for event in log.events] == [
        ("warning", "member.suspected"),
        ("warning", "health.degraded"),
        ("warning", "member.died"),
        ("info", "member.joined"),
        ("info", "health.healthy"),
    ]


class Ratio:
    """Two members of which the second flaps, with the health that watches them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.membership = FakeMembership(members(ALIVE, ALIVE))
        self.health, self.log = health_of(self.membership, self.clock)

    async def flap(self, seconds: int) -> None:
        """Be suspected and recover, each second."""
        for _ in range(seconds // 2):
            for kind, state in [(EventKind.SUSPECTED, SUSPECT), (EventKind.RECOVERED, ALIVE)]:
                self.membership.see(kind, make_member("n1", state, port=2))
                await self.clock.advance(1)

    def logged(self) -> list[LogEvent]:
        return [event for event in self.log.events if event.event.startswith("health.")]


async def test_a_status_that_flaps_is_damped() -> None:
    """Ten minutes of flips each second: one change in 20 s on average, with the number left out."""
    ratio = Ratio()
    ratio.health.start()

    await ratio.flap(600)
    await ratio.health.aclose()

    changes = [event for event in ratio.logged() if "previous_status" in event.facts]
    assert 3 <= len(changes) <= 600 / 20 + 2
    assert changes[1].event == "health.healthy"
    assert changes[2].facts["flips"] > 30
    assert sum(ratio.health.history.transitions.values()) == len(changes)


async def test_after_flapping_the_log_ends_with_the_current_status() -> None:
    """A change that was left out is logged once it has lasted, with its true duration."""
    ratio = Ratio()
    ratio.health.start()
    await ratio.flap(9)
    ratio.membership.see(EventKind.SUSPECTED, make_member("n1", SUSPECT, port=2))

    await ratio.clock.advance(60)
    degraded = [event for event in ratio.logged() if "previous_status" in event.facts][-1]
    ratio.membership.see(EventKind.RECOVERED, make_member("n1", ALIVE, port=2))
    await ratio.clock.advance(60)
    await ratio.health.aclose()

    assert degraded.event == "health.degraded"
    assert ratio.logged()[-1].event == "health.healthy"
    assert ratio.logged()[-1].facts["duration_seconds"] == pytest.approx(60, abs=1)


async def test_critical_is_never_damped() -> None:
    """During flapping, a fall below half is logged at once."""
    ratio = Ratio()
    ratio.health.start()
    await ratio.flap(8)
    before = ratio.clock.monotonic()

    ratio.membership.see(EventKind.DIED, make_member("n1", DEAD, port=2))
    ratio.membership.see(EventKind.DIED, make_member("n2", DEAD, port=3))
    await ratio.clock.advance(0)
    await ratio.health.aclose()

    assert ratio.logged()[-1].event == "health.critical"
    assert ratio.clock.monotonic() == before


async def test_a_bad_status_is_repeated_with_exponential_spacing() -> None:
    """In an hour of critical health there are a handful of lines, not 360."""
    clock = FakeClock()
    health, log = health_of(FakeMembership(members(ALIVE, DEAD, DEAD)), clock)
    health.start()

    await clock.advance(3600)
    await health.aclose()

    assert {(event.level, event.event) for event in log.events} == {("error", "health.critical")}
    assert 5 <= len(log.events) <= 12


class Checks:
    """A check whose behaviour is chosen by the test."""

    name = "registry"

    def __init__(self, behaviour: Callable[[], Awaitable[CheckResult]]) -> None:
        self._behaviour = behaviour

    async def check(self) -> CheckResult:
        return await self._behaviour()


async def _passing() -> CheckResult:
    return CheckResult(CheckStatus.PASSING, "fine")


async def _raising() -> CheckResult:
    raise RuntimeError("s3cret")


async def _exiting() -> CheckResult:
    raise SystemExit(3)


async def _answering_none() -> Any:
    return None


@pytest.mark.parametrize(
    ("behaviour", "status", "output"),
    [
        (_passing, CheckStatus.PASSING, "fine"),
        (_raising, CheckStatus.CRITICAL, "raised RuntimeError"),
        (_exiting, CheckStatus.CRITICAL, "raised SystemExit"),
        (_answering_none, CheckStatus.CRITICAL, "returned NoneType"),
    ],
)
async def test_checks_are_shown_whatever_they_do(behaviour: Any, status: CheckStatus, output: str) -> None:
    """A check that raises, or returns something else, is critical: with the reason, without the exception's text."""
    health, _ = health_of(FakeMembership(), FakeClock(), checks=[Checks(behaviour)])

    await health.check()

    result = health.report().checks["registry"]
    assert result.status is status
    assert result.output.startswith(output)
    assert "s3cret" not in result.output


@in_virtual_time
async def test_a_check_that_ignores_cancellation_is_abandoned() -> None:
    """Only that check is critical: the next round is not delayed, and has the reason."""

    async def resisting() -> CheckResult:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(600)
                return CheckResult(CheckStatus.PASSING)

    health, _ = health_of(FakeMembership(), FakeClock(), checks=[Checks(resisting)])

    outputs = []
    for _ in range(2):
        await health.check()
        outputs.append(health.report().checks["registry"].output)

    assert outputs[0] == "no answer within 5 s"
    assert "still running" in outputs[1]
    await asyncio.sleep(700)


async def test_closing_ends_the_loops() -> None:
    """No task is left."""
    health, _ = health_of(FakeMembership(), FakeClock())
    before = asyncio.all_tasks()
    health.start()

    await health.aclose()

    assert asyncio.all_tasks() == before
