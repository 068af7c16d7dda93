"""The embedded engine: SWIM with Lifeguard by ``kinship``, in Rust on its own thread.

A busy or blocked event loop, or a C extension that holds the GIL, therefore never gets this node declared dead.

kinship's blocking interface runs on threads that this module owns and joins (ADR 1). Its asyncio interface resolves
futures from the Rust thread, which crashed the interpreter (SIGABRT or SIGSEGV) when it ended soon after ``close``; the
blocking one did not. Its events are read on a thread as well, so that the view stays current while the loop is blocked.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import kinship
from kinship.blocking import Cluster

from engram_discovery.defaults import (
    ENGINE_CLOSE_TIMEOUT,
    MAX_CONCURRENT_JOINS,
)
from engram_discovery.errors import BindError, MembershipError, ResolutionError
from engram_discovery.hookspecs import MembershipConfig, PluginContext, hookimpl
from engram_discovery.membership import metadata
from engram_discovery.membership.gossip_name import parse_gossip_name
from engram_discovery.membership.kinship_config import bind_message, engine_config
from engram_discovery.membership.subscriptions import Subscription, Subscriptions
from engram_discovery.membership.table import MemberTable
from engram_discovery.network.address import Address, format_address, parse_address
from engram_discovery.network.resolver import resolve
from engram_discovery.network.tcp_probe import probe_tcp
from engram_discovery.types import (
    EventKind,
    JoinAttempt,
    JoinOutcome,
    JoinReport,
    Member,
    MembershipEvent,
    NodeState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet
    from concurrent.futures import Future

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import Endpoint

__all__ = ["KinshipMembership", "engram_create_membership"]

_T = TypeVar("_T")
_STATES = {
    kinship.State.ALIVE: NodeState.ALIVE,
    kinship.State.SUSPECT: NodeState.SUSPECT,
    kinship.State.DEAD: NodeState.DEAD,
    kinship.State.LEFT: NodeState.LEFT,
}


@hookimpl
def engram_create_membership(
    engine: str, settings: MembershipConfig, context: PluginContext
) -> KinshipMembership | None:
    """Create the embedded engine, named ``kinship``."""
    if engine != "kinship":
        return None
    return KinshipMembership(settings, clock=context.clock, logger=context.logger)


class KinshipMembership:
    """Membership by an embedded kinship node. One instance is one run: start once, close once."""

    capabilities = frozenset({"suspect", "incarnation", "left", "encryption", "metadata"})

    def __init__(self, config: MembershipConfig, *, clock: Clock, logger: Logger) -> None:
        self._config = config
        self._clock = clock
        self._logger = logger
        self._spaces = config.spaces
        self._local_state = NodeState.ALIVE
        self._started_at = clock.monotonic()
        self._starting: asyncio.Future[Cluster] | None = None
        self._pump: threading.Thread | None = None
        self._reading = threading.Lock()
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT_JOINS, thread_name_prefix="engram-gossip")
        self._calls: set[Future[Any]] = set()
        self._subscriptions = Subscriptions()
        self._table = MemberTable(
            config.identity.node_id,
            config.identity.generation,
            forget_left_after=config.forget_left_after,
            forget_dead_after=config.forget_dead_after,
            clock=clock,
        )

    async def start(self) -> None:
        """Bind and answer gossip; see ``Membership.start``."""
        cluster = Cluster(engine_config(self._config))
        self._starting = asyncio.get_running_loop().run_in_executor(self._threads, cluster.start)
        try:
            # cancelled or not, the engine opens its socket: aclose waits for that and closes it
            await asyncio.shield(self._starting)
        except OSError as error:
            raise BindError(bind_message(self._config.bind, error)) from error
        events = cluster.events()
        loop = asyncio.get_running_loop()
        self._pump = threading.Thread(
            target=self._read_events, args=(events, loop), name="engram-gossip-events", daemon=True
        )
        self._pump.start()

    async def leave(self, timeout: float) -> None:
        """Leave the cluster and wait for the message to spread."""
        self._local_state = NodeState.LEFT
        await self._call(functools.partial(self._running.leave, timeout))

    async def aclose(self) -> None:
        """Stop the engine and its threads; leaves first, briefly, if ``leave`` was not called."""
        if self._starting is not None:
            await asyncio.wait({self._starting})
            if self._starting.exception() is None:
                await self._call(functools.partial(self._starting.result().close, ENGINE_CLOSE_TIMEOUT))
        if self._pump is not None:
            await self._call(functools.partial(self._pump.join, ENGINE_CLOSE_TIMEOUT))
        # idle threads end at once and are joined; a thread that is still in a join is not awaited
        self._threads.shutdown(wait=not self._calls, cancel_futures=True)
        self._subscriptions.close()

    @property
    def local(self) -> Member:
        """This node as it presents itself."""
        raw = self._running.local
        return Member(
            node_id=self._config.identity.node_id,
            generation=self._config.identity.generation,
            addr=self._advertised(raw.addr),
            api_addr=self._config.api_addr,
            state=self._local_state,
            incarnation=raw.incarnation,
            updated_at=self._started_at,
            spaces=self._spaces,
            zone=self._config.zone,
            is_self=True,
        )

    def members(self, states: AbstractSet[NodeState] | None = None) -> tuple[Member, ...]:
        """Return this node, then the others by node id."""
        members = (self.local, *self._table.members())
        if states is None:
            return members
        return tuple(member for member in members if member.state in states)

    def events(self) -> Subscription:
        """Subscribe, from now on."""
        return self._subscriptions.subscribe()

    def stats(self) -> dict[str, int]:
        """Return kinship's counters."""
        stats = self._running.stats()
        return {name: getattr(stats, name) for name in stats.__slots__}

    async def join(self, endpoints: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        """Contact all endpoints at once, 16 at a time."""
        gate = asyncio.Semaphore(MAX_CONCURRENT_JOINS)
        deadline = self._clock.monotonic() + timeout

        async def attempt(endpoint: Endpoint) -> JoinAttempt:
            try:
                async with asyncio.timeout(timeout), gate:
                    return await self._join_one(endpoint, deadline)
            except TimeoutError:
                return JoinAttempt(endpoint, JoinOutcome.SILENT, f"no answer within {timeout:.1f} s")

        return JoinReport(tuple(await asyncio.gather(*map(attempt, endpoints))))

    async def set_spaces(self, spaces: Sequence[str]) -> None:
        """Gossip which memory spaces this node holds."""
        meta = metadata.encode(self._config.api_addr, self._config.zone, spaces)
        await self._call(functools.partial(self._running.set_meta, meta))
        self._spaces = tuple(spaces)

    async def rotate_key(self, action: str, key: str) -> tuple[str, ...]:
        """Install, use or remove a gossip key on this node."""
        keyring = self._running.keyring
        actions: dict[str, Callable[[str], None]] = {
            "install": keyring.install,
            "use": keyring.use,
            "remove": keyring.remove,
        }
        try:
            await self._call(functools.partial(actions[action], key))
        except KeyError:
            raise MembershipError(f"expected install, use or remove, got {action!r}") from None
        except (kinship.KinshipError, ValueError) as error:
            raise MembershipError(f"cannot {action} the gossip key: {error}") from None
        return tuple(keyring.key_ids())

    @property
    def _running(self) -> Cluster:
        if self._starting is None or not self._starting.done():
            raise MembershipError("the membership engine is not started")
        return self._starting.result()

    async def _call(self, function: Callable[[], _T]) -> _T:
        call = self._threads.submit(function)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return await asyncio.wrap_future(call)

    async def _join_one(self, endpoint: Endpoint, deadline: float) -> JoinAttempt:
        now = self._clock.monotonic
        try:
            addresses = await resolve(endpoint.host, endpoint.port, timeout=max(0.0, deadline - now()))
        except ResolutionError as error:
            return JoinAttempt(endpoint, JoinOutcome.UNRESOLVABLE, str(error))
        outcome, detail = JoinOutcome.UNRESOLVABLE, "the name has no address"
        for address in addresses:
            outcome, detail = await self._contact(address, max(0.1, deadline - now()))
            if outcome in {JoinOutcome.JOINED, JoinOutcome.SELF}:
                break
        return JoinAttempt(endpoint, outcome, detail)

    async def _contact(self, address: Address, timeout: float) -> tuple[JoinOutcome, str]:
        failure = await probe_tcp(address, timeout)
        if failure is not None:
            return JoinOutcome(failure.outcome.value), failure.reason
        text = format_address(address)
        try:
            answered = await self._call(functools.partial(self._running.join, [text], timeout=timeout))
        except kinship.JoinError:
            return JoinOutcome.FOREIGN, "peer rejected the handshake: cluster.name or gossip key differs"
        # an address that leads back to this node answers like a peer, but brings no other member
        if answered and len(self._running.members()) > 1:
            await self._call(functools.partial(self._add_live_runs, asyncio.get_running_loop()))
            return JoinOutcome.JOINED, ""
        return JoinOutcome.SELF, "this node itself"

    def _advertised(self, engine_addr: str) -> Address:
        return Address(
            self._config.advertise.host, self._config.advertise.port or parse_address(engine_addr).port
        )

    def _read_events(self, events: Iterable[Any], loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._publish(loop, self._table.resync(self._live_runs()))
            for event in events:
                with self._reading:
                    changes = self._apply_event(event)
                if not self._publish(loop, changes):
                    return
        except kinship.KinshipClosed as error:
            self._logger.error("membership.stopped", error=str(error))

    def _add_live_runs(self, loop: asyncio.AbstractEventLoop) -> None:
        """Add the members of a joined cluster at once, ahead of their events: a joined node must not seem alone."""
        # only unknown runs, and never between an event and its application: an applied event is never overwritten
        with self._reading:
            unknown = [run for run in self._live_runs() if not self._table.knows(run)]
            events = [event for run in unknown for event in self._table.apply(run)]
        self._publish(loop, tuple(events))

    def _publish(self, loop: asyncio.AbstractEventLoop, events: tuple[MembershipEvent, ...]) -> bool:
        """Pass events to the loop; False if it has ended, because the program ended without closing the engine."""
        if events:
            try:
                loop.call_soon_threadsafe(self._subscriptions.publish, events)
            except RuntimeError:
                return False
        return True

    def _apply_event(self, event: Any) -> tuple[MembershipEvent, ...]:
        match event:
            case kinship.EventsLost(count=count):
                lost = MembershipEvent(EventKind.LOST, count=count)
                return (lost, *self._table.resync(self._live_runs()))
            case kinship.NameConflict() | kinship.UserMessage():
                return ()
            case _:
                run = self._member(event.member)
                return () if run is None else self._table.apply(run)

    def _live_runs(self) -> list[Member]:
        own = self._running.local.name
        runs = [self._member(raw) for raw in self._running.members() if raw.name != own]
        return [run for run in runs if run is not None]

    def _member(self, raw: kinship.Member) -> Member | None:
        """Translate a run; None if its gossip name was not made by this package."""
        named = parse_gossip_name(raw.name)
        if named is None:
            self._logger.debug("membership.unknown_member_name", name=raw.name, addr=raw.addr)
            return None
        node_id, generation = named
        meta = metadata.decode(raw.meta)
        return Member(
            node_id=node_id,
            generation=generation,
            addr=parse_address(raw.addr),
            api_addr=meta.api_addr,
            state=_STATES[raw.state],
            incarnation=raw.incarnation,
            updated_at=self._clock.monotonic(),
            spaces=meta.spaces,
            spaces_omitted=meta.spaces_omitted,
            zone=meta.zone,
        )
