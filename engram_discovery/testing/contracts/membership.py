"""What every membership engine promises."""
# ruff: noqa: S101  a contract suite asserts

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, ClassVar

import pytest
import pytest_asyncio

from engram_discovery.errors import BindError
from engram_discovery.hookspecs import MembershipConfig, PluginContext
from engram_discovery.host import PluginHost
from engram_discovery.network.address import Address
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.testing.contracts.observing import assert_leaves_nothing, eventually
from engram_discovery.testing.log import RecordingLogger
from engram_discovery.types import Endpoint, EventKind, JoinOutcome, NodeIdentity, NodeState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from engram_discovery.protocols import Membership
    from engram_discovery.types import Member, MembershipEvent

    Start = Callable[..., Awaitable[Membership]]

__all__ = ["MembershipContract"]

_KNOWN = frozenset({"suspect", "incarnation", "left", "encryption", "metadata"})
_LOOPBACK = Address("127.0.0.1", 0)


class MembershipContract:
    """The promises of ``engram_discovery.protocols.Membership``. The engine declares its capabilities.

    Attributes:
        engine: Its name.
        plugin: Module with its hook; leave it out if the plugin is installed.
        within: Seconds within which news must have spread between two nodes of one machine.
    """

    pytestmark = pytest.mark.asyncio(loop_scope="function")

    engine: ClassVar[str]
    plugin: ClassVar[object | None] = None
    within: ClassVar[float] = 10.0

    def make(self, node_id: str, *, cluster: str = "contract", bind: Address = _LOOPBACK) -> Membership:
        """Make an engine, not yet started."""
        host = PluginHost() if self.plugin is None else PluginHost(entry_points=())
        if self.plugin is not None:
            host.register(self.plugin, name=self.engine)
        identity = NodeIdentity(node_id=node_id, generation=7, cluster=cluster)
        config = MembershipConfig(
            identity=identity, bind=bind, advertise=bind, api_addr=Address("127.0.0.1", 50051)
        )
        context = PluginContext(
            provider=self.engine, identity=identity, logger=RecordingLogger(), clock=SystemClock()
        )
        return host.create_membership(self.engine, config, context)

    @pytest_asyncio.fixture(loop_scope="function")
    async def start(self) -> AsyncIterator[Start]:
        """A function that starts an engine under a node id; all are closed after the test."""
        async with AsyncExitStack() as closing_all:

            async def start(node_id: str, *, cluster: str = "contract") -> Membership:
                node = self.make(node_id, cluster=cluster)
                closing_all.push_async_callback(node.aclose)
                await node.start()
                return node

            yield start

    async def test_capabilities_are_known(self, start: Start) -> None:
        """The host knows every declared capability."""
        assert (await start("one")).capabilities <= _KNOWN

    async def test_a_node_alone_sees_itself(self, start: Start) -> None:
        """After start the view is this node, alive, at a port that others can reach."""
        node = await start("one")

        [member] = node.members()

        assert (member.node_id, member.generation, member.state, member.is_self) == (
            "one",
            7,
            NodeState.ALIVE,
            True,
        )
        assert member.addr.port > 0
        assert node.local.node_id == "one"

    async def test_two_nodes_see_each_other(self, start: Start) -> None:
        """After a join, which counts one, each sees the other with its id, generation and address."""
        one, two = await start("one"), await start("two")

        report = await two.join([_endpoint(one)], timeout=self.within)

        assert report.joined == 1, f"expected one to be joined, got {report}"
        for node, other, name in ((one, two, "two"), (two, one, "one")):
            seen = await self._see(node, name, NodeState.ALIVE)
            assert (seen.generation, seen.addr, seen.is_self) == (7, other.local.addr, False)

    async def test_this_node_comes_first(self, start: Start) -> None:
        """In ``members`` this node is the first, and there once."""
        one, two = await start("one"), await start("two")
        await two.join([_endpoint(one)], timeout=self.within)
        for node in (one, two):
            await self._see(node, "one" if node is two else "two", NodeState.ALIVE)

            assert [member.is_self for member in node.members()] == [True, False]

    async def test_members_are_listed_by_state(self, start: Start) -> None:
        """``members({state})`` are those in that state only."""
        node = await start("one")

        assert len(node.members({NodeState.ALIVE})) == 1
        assert node.members({NodeState.DEAD}) == ()

    async def test_a_failed_join_is_reported(self, start: Start) -> None:
        """Joining an address where no process listens is reported within the timeout, not raised."""
        node = await start("one")
        endpoint = Endpoint("127.0.0.1", _free_port())

        report = await asyncio.wait_for(node.join([endpoint], timeout=1.0), 3.0)

        assert [attempt.endpoint for attempt in report.attempts] == [endpoint]
        assert report.joined == 0

    async def test_joining_oneself_does_not_count(self, start: Start) -> None:
        """Our own address among the seeds does not count as a join: it would hide that the node is alone."""
        node = await start("one")

        report = await node.join([_endpoint(node)], timeout=2.0)

        assert report.joined == 0
        assert [attempt.outcome for attempt in report.attempts] == [JoinOutcome.SELF]

    async def test_other_clusters_are_not_joined(self, start: Start) -> None:
        """A node of another cluster name is never joined: addresses are reused, and clusters must not merge."""
        one, foreign = await start("one"), await start("foreign", cluster="another")

        report = await one.join([_endpoint(foreign)], timeout=2.0)

        assert report.joined == 0
        assert [member.node_id for member in one.members()] == ["one"]

    async def test_joining_is_reported_as_an_event(self, start: Start) -> None:
        """A subscriber receives the event of a member that joins."""
        one, two = await start("one"), await start("two")
        events = one.events()

        await two.join([_endpoint(one)], timeout=self.within)

        event = await asyncio.wait_for(anext(events), self.within)
        assert event.kind is EventKind.JOINED
        assert event.member is not None
        assert event.member.node_id == "two"

    async def test_left_differs_from_dead(self, start: Start) -> None:
        """After ``leave`` the other members see the node as left, if it declares ``left``."""
        one, two = await start("one"), await start("two")
        if "left" not in one.capabilities:
            pytest.skip(f'"{self.engine}" does not declare the capability "left"')
        await two.join([_endpoint(one)], timeout=self.within)
        await self._see(one, "two", NodeState.ALIVE)

        await two.leave(self.within)

        await self._see(one, "two", NodeState.LEFT)

    async def test_spaces_spread(self, start: Start) -> None:
        """The other members see the spaces of a node, if it declares ``metadata``."""
        one, two = await start("one"), await start("two")
        if "metadata" not in one.capabilities:
            pytest.skip(f'"{self.engine}" does not say that it can spread "metadata"')
        await two.join([_endpoint(one)], timeout=self.within)
        await self._see(one, "two", NodeState.ALIVE)

        await two.set_spaces(["maps"])

        async def spread() -> bool:
            return any(member.spaces == ("maps",) for member in one.members())

        assert await eventually(spread, self.within), f"one sees {one.members()}"

    async def test_a_port_in_use_is_a_bind_error(self, start: Start) -> None:
        """An address that cannot be bound raises BindError at start, not later."""
        taken = (await start("one")).local.addr
        second = self.make("two", bind=taken)

        with pytest.raises(BindError):
            await second.start()
        await second.aclose()

    async def test_events_end_with_the_engine(self) -> None:
        """Who waits for events comes to an end when the engine closes."""
        node = self.make("one")
        await node.start()
        events = node.events()

        async def read() -> list[MembershipEvent]:
            return [event async for event in events]

        waiting = asyncio.create_task(read())
        await asyncio.sleep(0)
        await node.aclose()
        done, _ = await asyncio.wait({waiting}, timeout=2.0)
        waiting.cancel()

        assert done, "who waits for events still waits after aclose"

    async def test_closing_leaves_nothing(self) -> None:
        """No task and no socket outlives aclose."""

        async def live() -> None:
            node = self.make("one")
            await node.start()
            await node.aclose()

        await assert_leaves_nothing(live)

    async def test_it_can_be_closed_unused(self) -> None:
        """An engine that was never started can be closed: that is what a failing start-up does."""
        await asyncio.wait_for(self.make("one").aclose(), 2.0)

    async def _see(self, node: Membership, node_id: str, state: NodeState) -> Member:
        """Wait until ``node`` sees a member in that state."""
        seen: list[Member] = []

        async def sees() -> bool:
            seen[:] = [m for m in node.members() if m.node_id == node_id and m.state is state]
            return bool(seen)

        assert await eventually(sees, self.within), f"{node_id} is not seen as {state}: {node.members()}"
        return seen[0]


def _endpoint(node: Membership) -> Endpoint:
    return Endpoint(*node.local.addr)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
