"""A node without a network: real parts, with a membership and sources that the test controls."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from engram_discovery.errors import RegistrationError
from engram_discovery.health.monitor import ClusterHealth
from engram_discovery.host import PluginHost
from engram_discovery.joining import Joiner
from engram_discovery.network.address import Address
from engram_discovery.node.id_conflict import NodeIdConflictDetector
from engram_discovery.node.node import Distributed
from engram_discovery.protocols import HealthCheck
from engram_discovery.registration.registration import Registration
from engram_discovery.runtime.clock import Clock
from engram_discovery.runtime.log import get_logger
from engram_discovery.settings import settings_from
from engram_discovery.sources import Discovery, Source
from engram_discovery.testing import FakeMembership, make_member
from engram_discovery.types import CheckResult, Lease, Member, NodeIdentity, NodeRecord, NodeState

LOGGER = get_logger("engram_discovery.test")
IDENTITY = NodeIdentity(node_id="n0", generation=1, cluster="test")


class Engine(FakeMembership):
    """A membership with an engine's counters."""

    def stats(self) -> dict[str, int]:
        return {"local_health": 0, "packets_received": 7}


class Check:
    """A health check with a fixed result."""

    def __init__(self, name: str, result: CheckResult) -> None:
        self.name = name
        self._result = result

    async def check(self) -> CheckResult:
        return self._result


class Registry:
    """A registrar without a registry; raises ``failure`` while it is set."""

    failure: RegistrationError | None = None

    async def register(self, node: NodeRecord) -> Lease:
        return await self.renew()

    async def renew(self) -> Lease:
        if self.failure:
            raise self.failure
        return Lease(30.0)

    async def verify(self) -> bool:
        return True

    async def deregister(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


def many_members(count: int, *states: NodeState) -> list[Member]:
    """Return this node and other members, which cycle through ``states`` (default: all alive)."""
    cycle = states or (NodeState.ALIVE,)
    return [
        make_member(
            f"node-{number}",
            cycle[number % len(cycle)] if number else NodeState.ALIVE,
            port=1 + number,
            is_self=not number,
        )
        for number in range(count)
    ]


def make_node(
    clock: Clock,
    members: Sequence[Member] | None = None,
    *,
    discoverers: dict[str, Any] | None = None,
    registry: Registry | None = None,
    cluster: dict[str, Any] | None = None,
    checks: Sequence[HealthCheck] = (),
    own_checks: Sequence[HealthCheck] = (),
) -> Distributed:
    """Build a node; none of its parts runs until the test starts it."""
    settings = settings_from({"cluster": {"enabled": True, **(cluster or {})}})
    membership = Engine(members)
    random = Random(1)
    sources = [
        Source(name, discoverer, clock=clock, logger=LOGGER, random=random)
        for name, discoverer in (discoverers or {}).items()
    ]
    discovery = Discovery(sources, mode="union", cache=None, clock=clock, logger=LOGGER)
    joiner = Joiner(
        membership,
        discovery,
        is_self=lambda _: False,
        settings=settings.cluster.join,
        expected_size=settings.cluster.expected_size,
        clock=clock,
        logger=LOGGER,
        random=random,
    )
    health = ClusterHealth(
        membership,
        settings.cluster.health,
        expected_size=settings.cluster.expected_size,
        checks=checks,
        own_checks=own_checks,
        clock=clock,
        logger=LOGGER,
    )
    record = NodeRecord(identity=IDENTITY, addr=Address("127.0.0.1", 1), api_addr=Address("127.0.0.1", 2))
    registrations = (
        ()
        if registry is None
        else (Registration("memory", registry, record, clock=clock, random=random, logger=LOGGER),)
    )

    async def step_down() -> None:
        pass

    return Distributed(
        node_id=IDENTITY.node_id,
        membership=membership,
        health=health,
        discovery=discovery,
        identity=IDENTITY,
        joiner=joiner,
        registrations=registrations,
        conflict=NodeIdConflictDetector(membership, step_down, clock=clock, logger=LOGGER),
        settings=settings,
        host=PluginHost(entry_points=[]),
        clock=clock,
        _closing=AsyncExitStack(),
    )
