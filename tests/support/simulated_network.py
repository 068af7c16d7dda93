"""A network of simulated engines: joins merge islands, cuts split them. Contacts take the place of packets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engram_discovery.network.address import Address
from engram_discovery.types import JoinAttempt, JoinOutcome, JoinReport, Member, NodeState

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from engram_discovery.types import Endpoint

LATENCY = 0.01


class Network:
    """All engines by address, the cut links, and a trace of every contact."""

    def __init__(self, random: random.Random) -> None:
        self.random = random
        self.engines: dict[Address, SimulatedMembership] = {}
        self.side: dict[str, int] = {}
        self.trace: list[str] = []

    def add(self, number: int, *, cluster: str = "engram") -> SimulatedMembership:
        """Put a node on the network, at 10.0.<n/250>.<n%250+1>."""
        addr = Address(f"10.0.{number // 250}.{number % 250 + 1}", 7946)
        engine = SimulatedMembership(self, f"n{number:02}", addr, cluster)
        self.engines[addr] = engine
        return engine

    def note(self, text: str) -> None:
        """Write a line of the trace."""
        self.trace.append(f"{asyncio.get_running_loop().time():.6f} {text}")

    def cut(self, side_of: Callable[[SimulatedMembership], int]) -> None:
        """Split the network: nodes of different sides see each other dead from now on."""
        self.note("cut")
        for engine in self.engines.values():
            self.side[engine.node_id] = side_of(engine)
        for engine in self.engines.values():
            engine.sees({peer for peer in engine.live if self._linked(engine, peer)})

    def mend(self) -> None:
        """Make every node reachable again; islands stay apart until a member of one contacts a member of another."""
        self.note("mend")
        self.side.clear()

    def contact(self, caller: SimulatedMembership, addr: Address) -> JoinOutcome:
        """Contact the node at ``addr`` from ``caller``, and merge their islands."""
        callee = self.engines.get(addr)
        if callee is None:
            return JoinOutcome.REFUSED
        if not self._linked(caller, callee):
            return JoinOutcome.SILENT
        if callee is caller:
            return JoinOutcome.SELF
        if callee.cluster != caller.cluster:
            return JoinOutcome.FOREIGN
        sides: dict[int | None, set[SimulatedMembership]] = {}
        for engine in caller.live | callee.live:
            sides.setdefault(self.side.get(engine.node_id), set()).add(engine)
        for side in sides.values():
            for engine in side:
                engine.sees(side)
        return JoinOutcome.JOINED

    def islands(self, cluster: str = "engram") -> int:
        """Return the number of islands of the cluster."""
        return len({frozenset(e.node_id for e in each.live) for each in self._of(cluster)})

    def _of(self, cluster: str) -> Iterable[SimulatedMembership]:
        return (engine for engine in self.engines.values() if engine.cluster == cluster)

    def _linked(self, one: SimulatedMembership, other: SimulatedMembership) -> bool:
        return self.side.get(one.node_id) == self.side.get(other.node_id)


class SimulatedMembership:
    """A ``Membership`` on a ``Network``."""

    capabilities: AbstractSet[str] = frozenset({"left"})

    def __init__(self, network: Network, node_id: str, addr: Address, cluster: str) -> None:
        self._network = network
        self._view: tuple[Member, ...] | None = None
        self._kept: dict[AbstractSet[NodeState], tuple[Member, ...]] = {}
        self.node_id = node_id
        self.addr = addr
        self.cluster = cluster
        self.live: set[SimulatedMembership] = {self}
        self.seen: set[SimulatedMembership] = {self}
        self.dialled: list[tuple[Address, JoinOutcome]] = []
        self.leads_to: dict[Address, Address] = {}

    @property
    def local(self) -> Member:
        return self._member(self, NodeState.ALIVE, is_self=True)

    async def start(self) -> None:
        """Do nothing: a simulated engine has no socket."""

    async def join(self, endpoints: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        return JoinReport(tuple([await self._contact(endpoint, timeout) for endpoint in endpoints]))

    async def _contact(self, endpoint: Endpoint, timeout: float) -> JoinAttempt:
        addr = self.leads_to.get(endpoint.address, endpoint.address)
        await asyncio.sleep(LATENCY * self._network.random.uniform(0.5, 1.5))
        outcome = self._network.contact(self, addr)
        if outcome is JoinOutcome.SILENT:
            await asyncio.sleep(timeout)
        self.dialled.append((endpoint.address, outcome))
        self._network.note(f"{self.node_id} -> {endpoint} {outcome.value}")
        return JoinAttempt(endpoint, outcome, "simulated")

    def members(self, states: AbstractSet[NodeState] | None = None) -> tuple[Member, ...]:
        if self._view is None:
            self._view = tuple(self._current_view())
        if states is None:
            return self._view
        if states not in self._kept:
            self._kept[states] = tuple(member for member in self._view if member.state in states)
        return self._kept[states]

    def sees(self, live: set[SimulatedMembership]) -> None:
        """Set the live members; all others that were ever seen are dead."""
        if live != self.live:
            self.live = live
            self.seen |= live
            self._view = None
            self._kept = {}

    def events(self) -> AsyncIterator[Any]:
        raise NotImplementedError

    def stats(self) -> dict[str, int]:
        return {}

    async def set_spaces(self, spaces: Sequence[str]) -> None:
        """Do nothing: simulated members have no metadata."""

    async def rotate_key(self, action: str, key: str) -> tuple[str, ...]:
        raise NotImplementedError

    async def leave(self, timeout: float) -> None:
        """Do nothing: a simulated node never leaves."""

    async def aclose(self) -> None:
        """Do nothing: a simulated engine has no socket."""

    def _current_view(self) -> Iterable[Member]:
        yield self.local
        for peer in sorted(self.seen - {self}, key=lambda engine: engine.node_id):
            yield self._member(peer, NodeState.ALIVE if peer in self.live else NodeState.DEAD)

    def _member(self, engine: SimulatedMembership, state: NodeState, *, is_self: bool = False) -> Member:
        return Member(
            node_id=engine.node_id,
            generation=1,
            addr=engine.addr,
            api_addr=None,
            state=state,
            incarnation=0,
            updated_at=0.0,
            is_self=is_self,
        )
