"""What ``initialize_cluster`` returns: a node on its own, or a running member of a cluster."""

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
    """A node on its own: ``cluster.enabled = false``. Holds nothing open."""

    settings: Settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def ready(self) -> Readiness:
        """Tell that it is ready: there is nobody to wait for."""
        return Readiness(ready=True, reason="single-node mode")

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


@dataclass(slots=True)
class Distributed:
    """A running member of a cluster. Close it, or use it as an async context manager.

    Attributes:
        node_id: Our id.
        membership: The view: ``members()`` and ``events()``.
        health: The verdict on the view.
        discovery: Where peers may be, by every source.
        identity: Id, generation and cluster name.
        joiner: Joins and heals, and explains what it waits for.
        registrations: Our records in registries, if any.
        conflict: Tells when a newer run of our id has taken our place.
        settings: What we were started with.
        host: The plugins.
        clock: The time that we run on.
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
        """Tell whether this node may be given work, by ``cluster.ready_requires``. Never waits."""
        if self._draining:
            return Readiness(ready=False, reason="shutting down")
        if self.conflict.replaced:
            return Readiness(ready=False, reason="another node runs under our node id")
        cluster = self.settings.cluster
        return readiness(self.membership.members(), cluster.ready_requires, cluster.expected_size)

    async def wait_ready(self, timeout: float) -> Readiness:
        """Wait until ``ready`` says yes, or ``timeout`` seconds, and return its last answer."""
        events = self.membership.events()
        try:
            async with asyncio.timeout(timeout):
                while not self.ready().ready:
                    await anext(events)
        except (TimeoutError, StopAsyncIteration):
            pass
        return self.ready()

    def drain(self) -> None:
        """Turn unready for good, so that load balancers send no more work. ``aclose`` does this first."""
        self._draining = True

    async def aclose(self) -> None:
        """Deregister, stop looking, leave and close, in this order; each step is bounded. Idempotent.

        Raises:
            PluginError: All is closed, but a plugin left tasks running, and ``plugins.strict`` is set.
        """
        self.drain()
        await self._closing.aclose()


ClusterContext = SingleNode | Distributed
