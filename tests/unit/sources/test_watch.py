"""A watch: changes at once, full reads beside it, polling while it is broken."""

from __future__ import annotations

import asyncio
from typing import Any

from engram_discovery.sources import Outcome
from engram_discovery.testing.virtual_time import in_virtual_time
from tests.support.scripted import Scripted, ScriptedWatch, failure, found, peers
from tests.support.sources import make_source
from tests.support.timed_log import RecordingLogger


@in_virtual_time
async def test_a_watch_delivers_changes_at_once() -> None:
    """A pushed answer is known without waiting for a poll, and the source says that it watches."""
    discoverer = ScriptedWatch(found(1))
    source = make_source(discoverer)
    source.start()
    discoverer.pushed.put_nowait(found(1))
    await asyncio.sleep(1)

    discoverer.pushed.put_nowait(found(1, 2))
    await asyncio.sleep(0.1)

    assert source.snapshot() == peers(1, 2)
    assert source.status().watching
    await source.aclose()


@in_virtual_time
async def test_a_full_read_repairs_what_the_watch_missed() -> None:
    """A watch that silently drops an event is corrected within its full-read interval, and named."""
    logger = RecordingLogger()
    discoverer = ScriptedWatch(found(1, 2))
    source = make_source(discoverer, logger)
    source.start()
    discoverer.pushed.put_nowait(found(1))
    await asyncio.sleep(331)

    assert source.snapshot() == peers(1, 2)
    assert source.status().repairs == 1
    assert logger.events("discovery.changes_missed")[0]["provider"] == "dns"
    await source.aclose()


@in_virtual_time
async def test_a_full_read_that_fails_beside_a_working_watch_is_tried_again_soon() -> None:
    """One failed safety read does not leave the source marked as failing for another five minutes."""
    discoverer = ScriptedWatch(failure(), failure(), found(1))
    source = make_source(discoverer)
    source.start()
    discoverer.pushed.put_nowait(found(1))
    await asyncio.sleep(335)

    assert source.status().attempts == {"found": 2, "failed": 2}
    assert source.status().outcome is Outcome.FOUND
    assert source.status().watching
    await source.aclose()


@in_virtual_time
async def test_while_a_watch_is_broken_polling_takes_over() -> None:
    """A watch that cannot be opened costs freshness, not peers; it is tried again with growing waits."""
    discoverer = ScriptedWatch(found(1))
    source = make_source(discoverer)
    source.start()
    for _ in range(100):
        discoverer.pushed.put_nowait(failure())
    await asyncio.sleep(600)

    assert source.snapshot() == peers(1)
    assert source.status().outcome is Outcome.FOUND
    assert not source.status().watching
    assert 15 < discoverer.watches < 60
    await source.aclose()


@in_virtual_time
async def test_a_watch_that_never_stops_yielding_does_not_hold_up_the_loop() -> None:
    """An endless generator gets twenty turns a second, and others run."""

    class Endless(Scripted):
        yielded = 0

        async def watch(self) -> Any:
            while True:
                Endless.yielded += 1
                yield found(1)

    source = make_source(Endless(found(1)))
    source.start()

    await asyncio.sleep(10)

    assert Endless.yielded <= 201
    await source.aclose()
