"""The objects that ``initialize_cluster`` returns: a single node, or a running member of a cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from engram_discovery.health.readiness import Readiness, readiness

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from engram_discovery.health.monitor import ClusterHealth
    from engram_discovery.host import PluginHost
    from engram_discovery.joining import Joiner
    from engram_discovery.node.id_conflict import NodeIdConflictDetector
    from engram_discovery.protocols import Membership
    from engram_discovery.registration.registration import Registration
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.settings import Settings
    from engram_discovery.sources import Discovery
    from engram_discovery.types import NodeIdentity

__all__ = ["ClusterContext", "Distributed", "SingleNode"]


@dataclass(slots=True)
class SingleNode:
    """A single node: ``cluster.enabled = false``. Holds no resource open."""

    settings: Settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def ready(self) -> Readiness:
        """Return that it is ready: a single node waits for no other."""
        return Readiness(ready=True, reason="single-node mode")

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


@dataclass(slots=True)
class Distributed:
    """A running member of a cluster. Close it, or use it as an async context manager.

    Attributes:
        node_id: The id of this node.
        membership: The engine: ``members()`` and ``events()``.
        health: The health monitor.
        discovery: The endpoints of every source.
        identity: Id, generation and cluster name.
        joiner: Joins, heals and explains.
        registrations: The records of this node in registries, if any.
        conflict: Detects a newer run of this node id.
        settings: The settings of this node.
        host: The plugin host.
        clock: The source of time.
    """

    node_id: str
    membership: Membership
    health: ClusterHealth
    discovery: Discovery
    identity: NodeIdentity
    joiner: Joiner
    registrations: tuple[Registration, ...]
    conflict: NodeIdConflictDetector
    settings: Settings
    host: PluginHost
    clock: Clock
    _closing: AsyncExitStack = field(repr=False)
    _draining: bool = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def ready(self) -> Readiness:
        """Return whether this node may receive traffic, by ``cluster.ready_requires``. Never blocks."""
        if self._draining:
            return Readiness(ready=False, reason="shutting down")
        if self.conflict.lost:
            return Readiness(ready=False, reason="node id conflict: a newer run of this node id is alive")
        cluster = self.settings.cluster
        return readiness(self.membership.members(), cluster.ready_requires, cluster.expected_size)

    async def wait_ready(self, timeout: float) -> Readiness:
        """Wait until the node is ready, at most ``timeout`` seconds, and return the last readiness."""
        events = self.membership.events()
        try:
            async with asyncio.timeout(timeout):
                while not self.ready().ready:
                    await anext(events)
        except (TimeoutError, StopAsyncIteration):
            pass
        return self.ready()

    def drain(self) -> None:
        """Become unready for good, so that load balancers send no more traffic. ``aclose`` does this first."""
        self._draining = True

    async def aclose(self) -> None:
        """Deregister, stop healing, leave and close, in this order; each step is bounded. Idempotent.

        Raises:
            PluginError: All is closed, but a plugin leaked tasks, and ``plugins.strict`` is set.
        """
        self.drain()
        await self._closing.aclose()


ClusterContext = SingleNode | Distributed
