"""Two live nodes with one id."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from engram_discovery.defaults import CONFLICT_CONFIRM_TIME
from engram_discovery.node.id_conflict import NodeIdConflictDetector
from engram_discovery.runtime.log import get_logger
from engram_discovery.testing import FakeClock, FakeMembership, make_member
from engram_discovery.types import EventKind, NodeState

COMPETITOR = replace(make_member("self", port=9), generation=7)


class Rig:
    """A detector over a fake membership, and how often it stepped down."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.membership = FakeMembership()
        self.steps_down = 0
        self.detector = NodeIdConflictDetector(
            self.membership, self._step_down, clock=self.clock, logger=get_logger("engram_discovery.test")
        )

    async def _step_down(self) -> None:
        self.steps_down += 1


async def test_the_older_run_steps_down_once() -> None:
    """A newer run of the node's id that stays alive makes it leave; the error has its address and the remedy."""
    node = Rig()
    node.detector.start()
    await node.clock.advance(0)

    node.membership.see(EventKind.JOINED, make_member("other", port=1))
    node.membership.publish(EventKind.CONFLICT, COMPETITOR)
    await node.clock.advance(CONFLICT_CONFIRM_TIME - 1)
    early = node.steps_down
    await node.clock.advance(1)
    error = await asyncio.wait_for(node.detector.wait(), 30)
    await node.detector.aclose()

    assert (early, node.steps_down, node.detector.lost) == (0, 1, True)
    assert "node id self is in use by a newer run at 127.0.0.1:9 (generation 7)" in str(error)


async def test_a_false_conflict_does_not_make_the_node_leave() -> None:
    """A run that the others soon suspect, or one at the node's own address, does not end its membership."""
    node = Rig()
    node.detector.start()
    await node.clock.advance(0)

    node.membership.publish(EventKind.CONFLICT, COMPETITOR)
    node.membership.publish(
        EventKind.CONFLICT, replace(COMPETITOR, generation=8, addr=node.membership.local.addr)
    )
    await node.clock.advance(3)
    node.membership.publish(EventKind.CONFLICT, replace(COMPETITOR, state=NodeState.SUSPECT))
    await node.clock.advance(600)
    await node.detector.aclose()

    assert (node.steps_down, node.detector.lost) == (0, False)
