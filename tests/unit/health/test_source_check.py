"""A source's health, as `/cluster/health` shows it."""

from __future__ import annotations

from random import Random

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.health.source_check import source_checks
from engram_discovery.runtime.log import get_logger
from engram_discovery.sources import Discovery, Source
from engram_discovery.testing import FakeClock
from engram_discovery.types import CheckStatus, Endpoint, Found


class Scripted:
    """A discoverer that answers, or fails if ``fails`` is set."""

    def __init__(self) -> None:
        self.fails = False

    async def discover(self) -> Found:
        if self.fails:
            raise DiscoveryError("away", kind=FailureKind.REFUSED)
        return Found((Endpoint("127.0.0.1", 1),))

    async def aclose(self) -> None:
        pass


async def test_a_stale_source_is_a_warning_with_its_age() -> None:
    """It passes while the source answers; after a failure it has the endpoints kept and the seconds since."""
    clock, logger, answers = FakeClock(), get_logger("engram_discovery.test"), Scripted()
    source = Source("dns", answers, clock=clock, logger=logger, random=Random(1))
    discovery = Discovery([source], cache=None, clock=clock, logger=logger)
    (check,) = source_checks(discovery)
    await discovery.discover()
    fresh = await check.check()

    answers.fails = True
    await clock.advance(30)
    await source.refresh()
    await clock.advance(10)
    stale = await check.check()
    await discovery.aclose()

    assert check.name == "dns-source"
    assert (fresh.status, fresh.details["count"]) == (CheckStatus.PASSING, 1)
    assert (stale.status, stale.details["count"], stale.details["stale_for"]) == (
        CheckStatus.WARNING,
        1,
        10.0,
    )
    assert "away" in stale.output
