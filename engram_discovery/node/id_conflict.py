"""Two live nodes with one node id: the older run yields, loudly.

This happens to a cloned disk, a copied settings file, or an orchestrator that starts a replacement while the old
process still runs. The newer run has the higher generation and stays; the older one leaves the cluster.

The news must last: a run that does not exist (a corrupted or forged packet, where gossip is not encrypted) answers no
probe, and the others suspect it within seconds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.errors import NameConflictError
from engram_discovery.network.address import format_address
from engram_discovery.types import EventKind, NodeState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import Member

__all__ = ["LASTING", "NodeIdConflictDetector"]

#: Seconds for which a newer run must live before we give way to it.
LASTING = 8.0


class NodeIdConflictDetector:
    """Waits for a newer run of our own node id, and then gives way once.

    Args:
        membership: Tells of the conflict.
        give_way: Stops looking for peers and leaves the cluster.
        clock: Times how long the news must last.
        logger: Told what happened and what to do.
    """

    def __init__(
        self,
        membership: Membership,
        give_way: Callable[[], Awaitable[None]],
        *,
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._membership = membership
        self._give_way = give_way
        self._clock = clock
        self._logger = logger
        self._rivals: dict[int, Member] = {}
        self._waiting: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._replaced = asyncio.Event()
        self._message = ""

    @property
    def replaced(self) -> bool:
        """Whether another run has taken our place."""
        return self._replaced.is_set()

    def start(self) -> None:
        """Start watching. Call once, on the event loop."""
        self._task = asyncio.create_task(self._watch(), name="engram-conflict-guard")

    async def wait(self) -> NameConflictError:
        """Wait until another run has taken our place, and return the error that says so."""
        await self._replaced.wait()
        return NameConflictError(self._message)

    async def aclose(self) -> None:
        """Stop watching."""
        tasks = [task for task in (self._task, self._waiting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        async for event in self._membership.events():
            if event.kind is EventKind.CONFLICT and event.member is not None:
                self._take_in(event.member)

    def _take_in(self, rival: Member) -> None:
        """Remember a living rival, forget one that does not live; nobody else can be at our own address."""
        if rival.state is NodeState.ALIVE and rival.addr != self._membership.local.addr:
            self._logger.warning(
                "node_id.conflict_detected",
                node_id=rival.node_id,
                addr=format_address(rival.addr),
                generation=rival.generation,
                steps_down_in_seconds=LASTING,
            )
            self._rivals[rival.generation] = rival
            if self._waiting is None or self._waiting.done():
                self._waiting = asyncio.create_task(
                    self._confirm(rival.generation), name="engram-conflict-confirm"
                )
        else:
            self._rivals.pop(rival.generation, None)

    async def _confirm(self, generation: int) -> None:
        """Give way to a rival that still lives after a while; look at the next one if it does not."""
        while True:
            await self._clock.sleep(LASTING)
            if generation in self._rivals:
                await self._yield_to(self._rivals[generation])
                return
            if not self._rivals:
                return
            generation = max(self._rivals)

    async def _yield_to(self, newer: Member) -> None:
        self._message = (
            f"node id {newer.node_id} is in use by a newer run at {format_address(newer.addr)} "
            f"(generation {newer.generation}); this one leaves the cluster: "
            "stop one of the two, or give them different values of cluster.node_id or cluster.data_dir"
        )
        self._logger.error(
            "node_id.conflict_lost",
            node_id=newer.node_id,
            addr=format_address(newer.addr),
            generation=newer.generation,
            remedy="stop one of the two, or give them different values of cluster.node_id or cluster.data_dir",
        )
        self._replaced.set()
        await self._give_way()
