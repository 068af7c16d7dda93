"""Two live nodes with one id."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from engram_discovery.defaults import CONFLICT_CONFIRM_TIME
from engram_discovery.node.id_conflict import NodeIdConflictDetector
from engram_discovery.runtime.log import get_logger
from engram_discovery.testing import FakeClock, FakeMembership, make_member
from engram_discovery.types import EventKind, NodeState

RIVAL = replace(make_member("self", port=9), generation=7)


class Guarded:
    """A guard over a fake membership, and how often it gave way."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.membership = FakeMembership()
        self.gave_way = 0
        self.guard = NodeIdConflictDetector(
            self.membership, self._give_way, clock=self.clock, logger=get_logger("engram_discovery.test")
        )

    async def _give_way(self) -> None:
        self.gave_way += 1


async def test_the_older_run_gives_way_once() -> None:
    """A newer run of our id that lives on makes us leave, and the error says where it is and what to do."""
    node = Guarded()
    node.guard.start()
    await node.clock.advance(0)

    node.membership.see(EventKind.JOINED, make_member("other", port=1))
    node.membership.publish(EventKind.CONFLICT, RIVAL)
    await node.clock.advance(CONFLICT_CONFIRM_TIME - 1)
    early = node.gave_way
    await node.clock.advance(1)
    error = await asyncio.wait_for(node.guard.wait(), 30)
    await node.guard.aclose()

    assert (early, node.gave_way, node.guard.lost) == (0, 1, True)
    assert "node id self is in use by a newer run at 127.0.0.1:9 (generation 7)" in str(error)


async def test_false_news_does_not_make_us_leave() -> None:
    """A run that the others soon suspect, and one at our own address, are no reason to go."""
    node = Guarded()
    node.guard.start()
    await node.clock.advance(0)

    node.membership.publish(EventKind.CONFLICT, RIVAL)
    node.membership.publish(EventKind.CONFLICT, replace(RIVAL, generation=8, addr=node.membership.local.addr))
    await node.clock.advance(3)
    node.membership.publish(EventKind.CONFLICT, replace(RIVAL, state=NodeState.SUSPECT))
    await node.clock.advance(600)
    await node.guard.aclose()

    assert (node.gave_way, node.guard.lost) == (0, False)
