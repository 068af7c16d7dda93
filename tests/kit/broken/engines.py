"""Membership engines that each break one promise, by the test of ``MembershipContract`` that must catch it."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from engram_discovery.errors import BindError, JoinError
from engram_discovery.hookspecs import hookimpl
from engram_discovery.network.address import Address
from engram_discovery.testing import FakeMembership, make_member
from engram_discovery.testing.contracts import MembershipContract
from engram_discovery.types import EventKind, JoinAttempt, JoinOutcome, JoinReport, Member, NodeState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from engram_discovery.hookspecs import MembershipConfig
    from engram_discovery.types import Endpoint

#: Who listens where: the network of this process.
NETWORK: dict[Address, MemoryEngine] = {}
PORTS = itertools.count(1024)


class MemoryEngine(FakeMembership):
    """An engine that meets others by looking into ``NETWORK``."""

    capabilities: AbstractSet[str] = frozenset({"left", "metadata"})

    def __init__(self, config: MembershipConfig) -> None:
        self.config = config
        identity = config.identity
        super().__init__(
            [replace(make_member(identity.node_id, is_self=True), generation=identity.generation)]
        )

    async def start(self) -> None:
        address = Address(self.config.bind.host, self.config.bind.port or next(PORTS))
        if address in NETWORK:
            raise self.bind_error()
        NETWORK[address] = self
        self.see(EventKind.UPDATED, replace(self.me, addr=address))

    @property
    def me(self) -> Member:
        return next(member for member in self.members() if member.is_self)

    async def join(self, endpoints: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        return JoinReport(tuple(JoinAttempt(one, self.meet(NETWORK.get(one.address))) for one in endpoints))

    def meet(self, other: MemoryEngine | None) -> JoinOutcome:
        if other is None:
            return JoinOutcome.REFUSED
        if other is self:
            return JoinOutcome.SELF
        if not self.same_cluster(other):
            return JoinOutcome.FOREIGN
        self.hear(EventKind.JOINED, replace(other.me, is_self=False))
        other.hear(EventKind.JOINED, replace(self.me, is_self=False))
        return JoinOutcome.JOINED

    async def set_spaces(self, spaces: Sequence[str]) -> None:
        self.tell(EventKind.UPDATED, replace(self.me, spaces=tuple(spaces), is_self=False))

    async def leave(self, timeout: float) -> None:
        self.tell(EventKind.LEFT, replace(self.me, state=NodeState.LEFT, is_self=False))

    async def aclose(self) -> None:
        for address in [address for address, node in NETWORK.items() if node is self]:
            del NETWORK[address]
        await super().aclose()

    def tell(self, kind: EventKind, news: Member) -> None:
        for node in NETWORK.values():
            if any(member.node_id == news.node_id and not member.is_self for member in node.members()):
                node.hear(kind, news)

    def hear(self, kind: EventKind, member: Member) -> None:
        self.see(kind, member)

    def same_cluster(self, other: MemoryEngine) -> bool:
        return self.config.identity.cluster == other.config.identity.cluster

    def bind_error(self) -> Exception:
        return BindError("in use")


class CanTeleport(MemoryEngine):
    capabilities = frozenset({"left", "metadata", "teleport"})


class CallsItselfOtherwise(MemoryEngine):
    @property
    def local(self) -> Member:
        return replace(self.me, node_id=self.me.node_id.upper())


class CountsNobody(MemoryEngine):
    def meet(self, other: MemoryEngine | None) -> JoinOutcome:
        outcome = super().meet(other)
        return JoinOutcome.SILENT if outcome is JoinOutcome.JOINED else outcome


class ForgetsGenerations(MemoryEngine):
    def hear(self, kind: EventKind, member: Member) -> None:
        super().hear(kind, replace(member, generation=0))


class SortsByName(MemoryEngine):
    def members(self, states: AbstractSet[NodeState] | None = None) -> tuple[Member, ...]:
        return tuple(sorted(super().members(states), key=lambda member: member.node_id))


class ShowsEveryState(MemoryEngine):
    def members(self, states: AbstractSet[NodeState] | None = None) -> tuple[Member, ...]:
        return super().members()


class RaisesIfNobodyIsThere(MemoryEngine):
    def meet(self, other: MemoryEngine | None) -> JoinOutcome:
        if other is None:
            raise JoinError("nobody is there", [])
        return super().meet(other)


class JoinsItself(MemoryEngine):
    def meet(self, other: MemoryEngine | None) -> JoinOutcome:
        return JoinOutcome.JOINED if other is self else super().meet(other)


class JoinsAnybody(MemoryEngine):
    def same_cluster(self, other: MemoryEngine) -> bool:
        return True


class TellsNoEvents(MemoryEngine):
    def publish(self, kind: EventKind, member: Member) -> None: ...


class LeavesLikeACrash(MemoryEngine):
    async def leave(self, timeout: float) -> None:
        self.tell(EventKind.DIED, replace(self.me, state=NodeState.DEAD, is_self=False))


class KeepsItsSpaces(MemoryEngine):
    async def set_spaces(self, spaces: Sequence[str]) -> None: ...


class BindErrorInItsOwnWords(MemoryEngine):
    def bind_error(self) -> Exception:
        return OSError("in use")


class EventsNeverEnd(MemoryEngine):
    async def aclose(self) -> None:
        for address in [address for address, node in NETWORK.items() if node is self]:
            del NETWORK[address]


class LeavesATask(MemoryEngine):
    async def start(self) -> None:
        await super().start()
        self.task = asyncio.create_task(asyncio.sleep(3600))


class CannotBeClosedUnused(MemoryEngine):
    async def aclose(self) -> None:
        if self not in NETWORK.values() and self.config.bind.port == 0:
            raise RuntimeError("not running")
        await super().aclose()


FAULTS: dict[str, tuple[type[MemoryEngine], str]] = {
    fault.__name__: (fault, test)
    for fault, test in (
        (CanTeleport, "test_capabilities_are_known"),
        (CallsItselfOtherwise, "test_a_node_alone_sees_itself"),
        (CountsNobody, "test_two_nodes_see_each_other"),
        (ForgetsGenerations, "test_two_nodes_see_each_other"),
        (SortsByName, "test_this_node_comes_first"),
        (ShowsEveryState, "test_members_are_listed_by_state"),
        (RaisesIfNobodyIsThere, "test_a_failed_join_is_reported"),
        (JoinsItself, "test_joining_oneself_does_not_count"),
        (JoinsAnybody, "test_other_clusters_are_not_joined"),
        (TellsNoEvents, "test_joining_is_reported_as_an_event"),
        (LeavesLikeACrash, "test_left_differs_from_dead"),
        (KeepsItsSpaces, "test_spaces_spread"),
        (BindErrorInItsOwnWords, "test_a_port_in_use_is_a_bind_error"),
        (EventsNeverEnd, "test_events_end_with_the_engine"),
        (LeavesATask, "test_closing_leaves_nothing"),
        (CannotBeClosedUnused, "test_it_can_be_closed_unused"),
    )
}


def _plugin(engine: type[MemoryEngine]) -> ModuleType:
    @hookimpl
    def engram_create_membership(engine: str, settings: Any, context: Any) -> MemoryEngine:
        return made(settings)

    made = engine
    module = ModuleType("memory_engine")
    vars(module).update(engram_create_membership=engram_create_membership)
    return module


_ENGINES: dict[str, type[MemoryEngine]] = {
    "Good": MemoryEngine,
    **{name: broken for name, (broken, _) in FAULTS.items()},
}
for _name, _engine in _ENGINES.items():
    globals()[f"Test{_name}"] = type(
        f"Test{_name}", (MembershipContract,), {"engine": "memory", "plugin": _plugin(_engine)}
    )
