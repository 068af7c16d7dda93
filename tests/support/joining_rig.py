"""A node that joins and heals on a simulated network."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from engram_discovery.joining import Joiner
from engram_discovery.settings.models import JoinSettings
from engram_discovery.sources import Discovery, PeerCache, Source
from engram_discovery.testing.virtual_time import LoopClock
from tests.support.simulated_network import Network, SimulatedMembership
from tests.support.timed_log import RecordingLogger

#: Addresses of the node under test: its gossip address and another of its interfaces.
OURS = ("10.0.0.1", "10.0.0.200")


@dataclass
class Rig:
    """One node under test on a network with others."""

    network: Network
    engine: SimulatedMembership
    discovery: Discovery
    joiner: Joiner
    logger: RecordingLogger

    def start(self) -> None:
        self.discovery.start()
        self.joiner.start()

    async def aclose(self) -> None:
        await self.joiner.aclose()
        await self.discovery.aclose()

    @property
    def alive(self) -> int:
        return len(self.engine.live)


def make_rig(
    discoverer: Any,
    *,
    others: int = 4,
    expected_size: int | None = None,
    cache: PeerCache | None = None,
) -> Rig:
    """Make node 10.0.0.1 and ``others`` at 10.0.0.2 and up, which do not know each other yet."""
    network = Network(random.Random(1))
    engine = network.add(0)
    for number in range(1, others + 1):
        network.add(number)
    clock, logger = LoopClock(), RecordingLogger()
    source = Source("dns", discoverer, clock=clock, logger=logger, random=random.Random(1))
    discovery = Discovery([source], cache=cache, clock=clock, logger=logger)
    joiner = Joiner(
        engine,
        discovery,
        is_self=lambda endpoint: endpoint.host in OURS,
        settings=JoinSettings(),
        expected_size=expected_size,
        clock=clock,
        logger=logger,
        random=random.Random(1),
    )
    return Rig(network, engine, discovery, joiner, logger)


def dialled(rig: Rig) -> list[str]:
    return [addr.host for addr, _ in rig.engine.dialled]
