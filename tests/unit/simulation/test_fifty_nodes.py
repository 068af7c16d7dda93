"""Fifty nodes, faulty sources, a cut, in virtual time: promises hold for every seed; a seed is a replay."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest

from engram_discovery.joining import Joiner
from engram_discovery.network.address import Address
from engram_discovery.settings.models import JoinSettings
from engram_discovery.sources import Discovery, Source
from engram_discovery.testing.virtual_time import LoopClock, run_in_virtual_time
from engram_discovery.types import Endpoint, JoinOutcome
from tests.support.faulty import FaultyDiscoverer
from tests.support.simulated_network import Network, SimulatedMembership
from tests.support.timed_log import RecordingLogger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NODES = 50
SEEDS = range(20)
FAULTS = 0.4
STARTING, CUT_AT, MEND_AT, END_AT = 2, 5, 12, 34


class TracingLogger(RecordingLogger):
    """Writes each line into the trace of the network as well."""

    def __init__(self, network: Network, node_id: str) -> None:
        super().__init__()
        self._network = network
        self._node_id = node_id

    def _log(self, level: str, event: str, facts: Any) -> None:
        super()._log(level, event, facts)
        self._network.note(f"{self._node_id} {level} {event} {sorted(facts.items())}")


@dataclass
class Node:
    """One node of the simulation."""

    engine: SimulatedMembership
    discoverers: list[FaultyDiscoverer]
    sources: list[Source]
    discovery: Discovery
    joiner: Joiner
    logger: TracingLogger

    async def run(self, start_after: float) -> None:
        """Run until cancelled."""
        await asyncio.sleep(start_after)
        try:
            await self.joiner.join_once()
            self.discovery.start()
            self.joiner.start()
            await asyncio.Event().wait()
        finally:
            await self.joiner.aclose()
            await self.discovery.aclose()


def make_node(
    network: Network, engine: SimulatedMembership, registries: Mapping[str, Sequence[Endpoint]]
) -> Node:
    clock, logger = LoopClock(), TracingLogger(network, engine.node_id)
    own = random.Random(network.random.getrandbits(64))
    discoverers = [FaultyDiscoverer(registry, own, faults=FAULTS) for registry in registries.values()]
    sources = [
        Source(name, discoverer, clock=clock, logger=logger, random=own)
        for name, discoverer in zip(registries, discoverers, strict=True)
    ]
    mode: Literal["first", "union"] = "first" if own.random() < 0.5 else "union"
    discovery = Discovery(sources, mode=mode, cache=None, clock=clock, logger=logger)
    joiner = Joiner(
        engine,
        discovery,
        is_self=lambda endpoint: endpoint.address == engine.addr,
        settings=JoinSettings(),
        expected_size=None,
        clock=clock,
        logger=logger,
        random=own,
    )
    return Node(engine, discoverers, sources, discovery, joiner, logger)


def check_sources(node: Node, held: dict[Source, int]) -> None:
    """No source drops its peers unless two answers in a row were empty."""
    for source, discoverer in zip(node.sources, node.discoverers, strict=True):
        now = len(source.snapshot())
        if held.get(source) and not now:
            assert discoverer.said[-2:] == ["say_nobody"] * 2, discoverer.said
        held[source] = now


def check_reports(node: Node, alone_since: dict[str, float]) -> None:
    """A node that is alone for some time has logged it within the last twelve seconds."""
    now = asyncio.get_running_loop().time()
    if len(node.engine.live) > 1:
        alone_since.pop(node.engine.node_id, None)
    elif now - alone_since.setdefault(node.engine.node_id, now) > 13:
        reports = [at for at, _, event, _ in node.logger.lines if event == "cluster.not_formed"]
        assert reports
        assert now - reports[-1] <= 12.1


async def simulate(seed: int) -> tuple[Network, list[Node]]:
    """Start the nodes within five seconds, cut them in two, mend the cut, and return the network and the nodes."""
    network = Network(random.Random(seed))
    engines = [network.add(number) for number in range(NODES)]
    foreign = network.add(NODES, cluster="other")
    addresses = [*(engine.addr for engine in engines), foreign.addr, Address("10.7.7.7", 7946)]
    registries = {name: [Endpoint(*addr, source=name) for addr in addresses] for name in ("consul", "dns")}
    nodes = [make_node(network, engine, registries) for engine in engines]
    held: dict[Source, int] = {}
    alone_since: dict[str, float] = {}
    async with asyncio.TaskGroup() as group:
        lives = [group.create_task(node.run(network.random.uniform(0, STARTING))) for node in nodes]
        for second in range(END_AT):
            await asyncio.sleep(1)
            if second == CUT_AT:
                network.cut(lambda engine: int(engine.node_id[1:]) % 2)
            if second == MEND_AT:
                network.mend()
            for node in nodes:
                check_sources(node, held)
                if second > STARTING:
                    check_reports(node, alone_since)
        for life in lives:
            life.cancel()
    return network, nodes


def trace(seed: int) -> str:
    """Run a seed and return the trace of all events, line by line."""
    return "\n".join(run_in_virtual_time(simulate(seed))[0].trace)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_cluster_whatever_the_sources_do(seed: int) -> None:
    """No self-join, no peers lost to a faulty source, no foreign member, one cluster after the cut is mended."""
    network, nodes = run_in_virtual_time(simulate(seed))

    assert network.islands() == 1
    assert all(len(node.engine.live) == NODES for node in nodes)
    contacts = [contact for node in nodes for contact in node.engine.dialled]
    assert not [outcome for _, outcome in contacts if outcome is JoinOutcome.SELF]
    assert {outcome for _, outcome in contacts} >= {
        JoinOutcome.JOINED,
        JoinOutcome.FOREIGN,
        JoinOutcome.REFUSED,
    }


def test_a_seed_is_a_replay() -> None:
    """The same seed gives the same run to the byte, even in a process with other hashes."""
    here = trace(3)
    replay = subprocess.run(
        [sys.executable, "-m", "tests.unit.simulation.test_fifty_nodes", "3"],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )

    assert replay.stdout == here
    assert len(here.splitlines()) > 500


if __name__ == "__main__":
    sys.stdout.write(trace(int(sys.argv[1])))
