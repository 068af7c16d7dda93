"""Detect node-id conflicts: of two live nodes with one node id, the older run steps down.

Causes are a cloned disk, a copied settings file, or an orchestrator that starts a replacement while the old process
still runs. The newer run has the higher generation and stays; the older one leaves the cluster (ADR 3).

The conflict must persist: a run that does not exist (a corrupted or forged packet, without encryption) answers no
probe, and the other members suspect it within seconds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.defaults import CONFLICT_CONFIRM_TIME
from engram_discovery.errors import NameConflictError
from engram_discovery.network.address import format_address
from engram_discovery.types import EventKind, NodeState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import Member

__all__ = ["NodeIdConflictDetector"]


class NodeIdConflictDetector:
    """Waits for a newer run of this node's id, and then steps down once.

    Args:
        membership: Its events report the conflict.
        step_down: Stops healing and leaves the cluster.
        clock: The source of time.
        logger: For the events ``node_id.*``.
    """

    def __init__(
        self,
        membership: Membership,
        step_down: Callable[[], Awaitable[None]],
        *,
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._membership = membership
        self._step_down = step_down
        self._clock = clock
        self._logger = logger
        self._competing: dict[int, Member] = {}
        self._confirming: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._message = ""

    @property
    def lost(self) -> bool:
        """Whether a newer run of this node id has taken over."""
        return self._lost.is_set()

    def start(self) -> None:
        """Start watching. Call once, on the event loop."""
        self._task = asyncio.create_task(self._watch(), name="engram-node-id-conflict")

    async def wait(self) -> NameConflictError:
        """Wait until a newer run has taken over, and return the error that describes it."""
        await self._lost.wait()
        return NameConflictError(self._message)

    async def aclose(self) -> None:
        """Stop watching."""
        tasks = [task for task in (self._task, self._confirming) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        async for event in self._membership.events():
            if event.kind is EventKind.CONFLICT and event.member is not None:
                self._record(event.member)

    def _record(self, competing: Member) -> None:
        """Keep a competing instance that is alive, drop one that is not; it cannot be at this node's own address."""
        if competing.state is NodeState.ALIVE and competing.addr != self._membership.local.addr:
            self._logger.warning(
                "node_id.conflict_detected",
                node_id=competing.node_id,
                addr=format_address(competing.addr),
                generation=competing.generation,
                steps_down_in_seconds=CONFLICT_CONFIRM_TIME,
            )
            self._competing[competing.generation] = competing
            if self._confirming is None or self._confirming.done():
                self._confirming = asyncio.create_task(
                    self._confirm(competing.generation), name="engram-node-id-conflict-confirm"
                )
        else:
            self._competing.pop(competing.generation, None)

    async def _confirm(self, generation: int) -> None:
        """Step down for a competing instance that stays alive; else check the next one."""
        while True:
            await self._clock.sleep(CONFLICT_CONFIRM_TIME)
            if generation in self._competing:
                await self._concede(self._competing[generation])
                return
            if not self._competing:
                return
            generation = max(self._competing)

    async def _concede(self, newer: Member) -> None:
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
        self._lost.set()
        await self._step_down()
