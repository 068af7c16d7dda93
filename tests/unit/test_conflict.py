"""Two live nodes with one id."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from engram_discovery.conflict import ConflictGuard
from engram_discovery.log import get_logger
from engram_discovery.testing import FakeMembership, make_member
from engram_discovery.types import EventKind


async def test_the_older_run_gives_way_once() -> None:
    """A newer run of our id makes us leave, and the error says where it is and what to do."""
    membership = FakeMembership()
    gave_way: list[bool] = []

    async def give_way() -> None:
        gave_way.append(True)

    guard = ConflictGuard(membership, give_way, get_logger("engram_discovery.test"))
    guard.start()
    await asyncio.sleep(0)

    membership.see(EventKind.JOINED, make_member("other", port=1))
    membership.see(EventKind.CONFLICT, replace(make_member("self", port=9), generation=7))
    error = await asyncio.wait_for(guard.wait(), 1)
    await guard.aclose()

    assert guard.replaced
    assert gave_way == [True]
    assert "node id self is in use by a newer run at 127.0.0.1:9 (generation 7)" in str(error)
