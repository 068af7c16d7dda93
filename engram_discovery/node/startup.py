"""Start a node: from settings to a running member of a cluster, in eight steps, and back.

    0. ``cluster.enabled = false``: a ``SingleNode``, without a socket, thread, task or plugin
    1. node id and generation            5. discover, and join the seeds under one deadline
    2. bind and advertise addresses      6. health monitoring
    3. membership: the engine starts     7. healing, for as long as the node runs
    4. discovery                         8. registration, where a provider offers it

Closing runs in reverse: unready, deregister, stop healing and health, leave, close. Every step is bounded.
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from engram_discovery._text import error_text
from engram_discovery._version import __version__
from engram_discovery.defaults import CLOSE_TIMEOUT, LEAVE_TIMEOUT
from engram_discovery.errors import JoinError
from engram_discovery.health.monitor import ClusterHealth
from engram_discovery.health.source_check import source_checks
from engram_discovery.hookspecs import MembershipConfig
from engram_discovery.joining import Joiner
from engram_discovery.membership.counts import MemberCounts
from engram_discovery.network.address import Address, format_address, is_wildcard, parse_address
from engram_discovery.node.advertise import (
    SelfFilter,
    choose_advertise,
    interface_addresses,
    needs_seeds,
    resolve_advertise,
)
from engram_discovery.node.id_conflict import NodeIdConflictDetector
from engram_discovery.node.identity import DataDirLock, load_identity
from engram_discovery.node.node import Distributed, SingleNode
from engram_discovery.node.provider_factory import ProviderFactory, make_host
from engram_discovery.registration.registration import Registration
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.runtime.log import get_logger
from engram_discovery.types import NodeRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from engram_discovery.host import PluginHost
    from engram_discovery.metrics import CollectorRegistry
    from engram_discovery.node.advertise import InterfaceAddress
    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.settings import Settings
    from engram_discovery.sources import Discovery
    from engram_discovery.types import Endpoint, JoinReport, Member, NodeIdentity

__all__ = ["initialize_cluster"]


async def initialize_cluster(
    settings: Settings,
    *,
    host: PluginHost | None = None,
    join: Sequence[str] = (),
    registry: CollectorRegistry | None = None,
    logger: Logger | None = None,
    clock: Clock | None = None,
    random: Random | None = None,
) -> SingleNode | Distributed:
    """Start this node by its settings.

    Takes at most ``join.timeout`` (5 s), then the node runs alone and healing continues. May be called several times in
    one process with different settings.

    Args:
        settings: From ``load_settings`` or ``settings_from``.
        host: Plugins to use; default: the installed ones, by the settings ``plugins.allow`` and ``plugins.deny``.
        join: Addresses (``host:port``) to join in addition to those of the sources.
        registry: A Prometheus registry for the metrics of the node, until it is closed; none by default.
        logger: Receives the events; default: structlog if the program configured it, else the standard library.
        clock: Source of time, for tests.
        random: Source of randomness, for tests.

    Raises:
        SettingsError: The settings cannot work on this machine.
        PluginError: The selected provider is missing or broken.
        BindError: The gossip address cannot be bound.
        JoinError: ``join.startup_timeout`` passed and no member was joined.
    """
    logger = logger or get_logger("engram_discovery")
    for problem in settings.warnings:
        logger.warning("settings.warning", error=str(problem))
    if not settings.cluster.enabled:
        logger.info("cluster.single_node")
        return SingleNode(settings)
    startup = _Startup(
        settings,
        host or make_host(settings.cluster.plugins, logger),
        tuple(join),
        registry,
        logger,
        clock or SystemClock(),
        random or Random(),  # noqa: S311  jitter of retries, nothing secret
    )
    async with AsyncExitStack() as stack:
        context = await startup.run(stack)
        context._closing = stack.pop_all()
    return context


@dataclass(slots=True)
class _Startup:
    """The steps of a start. Each pushes what it opens on the stack, so that a failure closes the earlier steps."""

    settings: Settings
    host: PluginHost
    join: tuple[str, ...]
    registry: CollectorRegistry | None
    logger: Logger
    clock: Clock
    random: Random

    async def run(self, stack: AsyncExitStack) -> Distributed:
        identity = self._identify(stack)
        providers = ProviderFactory(
            settings=self.settings,
            host=self.host,
            identity=identity,
            clock=self.clock,
            logger=self.logger,
            random=self.random,
            join=self.join,
        )
        stack.push_async_exit(functools.partial(self._end_leaked_tasks, providers))
        discovery = providers.discovery()
        stack.push_async_callback(self._closing, "discovery", discovery.aclose)
        if not self.settings.cluster.join.rejoin_after_leave:
            stack.push_async_callback(self._closing, "peer cache", discovery.forget)
        interfaces = interface_addresses()
        bind, advertise, api = await self._addresses(discovery, interfaces)
        membership = await self._membership(stack, providers, identity, bind, advertise, api)
        is_self = SelfFilter(bind, membership.local.addr, interfaces)
        joiner = await self._join(stack, membership, discovery, is_self)
        health = self._health(stack, membership, providers, discovery)
        conflict = self._detect_conflicts(stack, membership, joiner)
        registrations = self._register(stack, providers, identity, membership.local, api)
        self.logger.info(
            "cluster.started",
            node_id=identity.node_id,
            cluster=identity.cluster,
            addr=format_address(membership.local.addr),
            total=len(membership.members()),
        )
        context = Distributed(
            node_id=identity.node_id,
            membership=membership,
            health=health,
            discovery=discovery,
            identity=identity,
            joiner=joiner,
            registrations=registrations,
            conflict=conflict,
            settings=self.settings,
            host=self.host,
            clock=self.clock,
            _closing=stack,
        )
        if self.registry is not None:
            from engram_discovery import metrics  # imports prometheus_client, only where a registry is given

            stack.callback(self.registry.unregister, metrics.register(self.registry, context))
        return context

    def _identify(self, stack: AsyncExitStack) -> NodeIdentity:
        cluster = self.settings.cluster
        if cluster.data_dir is not None:
            lock = DataDirLock(cluster.data_dir)
            lock.acquire()
            stack.callback(lock.release)
        return load_identity(
            node_id=cluster.node_id,
            cluster=cluster.name,
            data_dir=cluster.data_dir,
            clock=self.clock,
            logger=self.logger,
        )

    async def _addresses(
        self, discovery: Discovery, interfaces: Sequence[InterfaceAddress]
    ) -> tuple[Address, Address, Address]:
        """Return gossip bind, advertise and API address; calls the sources only on a machine with several addresses."""
        cluster = self.settings.cluster
        bind = parse_address(cluster.network.swim_bind, allow_port_zero=True)
        api = parse_address(cluster.network.api_bind, allow_port_zero=True)
        seeds: tuple[Endpoint, ...] = ()
        if needs_seeds(cluster.advertise, bind, interfaces):
            seeds = (await discovery.discover()).endpoints
        advertise = await resolve_advertise(choose_advertise(cluster.advertise, bind, interfaces, seeds))
        return bind, advertise, api._replace(host=advertise.host) if is_wildcard(api.host) else api

    async def _membership(
        self,
        stack: AsyncExitStack,
        providers: ProviderFactory,
        identity: NodeIdentity,
        bind: Address,
        advertise: Address,
        api: Address,
    ) -> Membership:
        cluster = self.settings.cluster
        config = MembershipConfig(
            identity=identity,
            bind=bind,
            advertise=advertise,
            api_addr=api,
            keys=cluster.security.keys,
            spaces=cluster.spaces,
            zone=cluster.zone,
            forget_left_after=cluster.health.forget_left_after,
            forget_dead_after=cluster.health.forget_dead_after,
            tuning=cluster.swim.model_dump(),
        )
        membership = providers.membership(config)
        stack.push_async_callback(self._closing, "membership", membership.aclose)
        await membership.start()
        stack.push_async_callback(self._closing, "leave", lambda: membership.leave(LEAVE_TIMEOUT))
        return membership

    async def _join(
        self, stack: AsyncExitStack, membership: Membership, discovery: Discovery, is_self: SelfFilter
    ) -> Joiner:
        cluster = self.settings.cluster
        joiner = Joiner(
            membership,
            discovery,
            is_self=is_self,
            settings=cluster.join,
            expected_size=cluster.expected_size,
            clock=self.clock,
            logger=self.logger,
            random=self.random,
        )
        stack.push_async_callback(self._closing, "joiner", joiner.aclose)
        report = await joiner.join_once()
        discovery.start()
        joiner.start()
        if cluster.join.startup_timeout is not None:
            await self._require_member(membership, report, cluster.join.startup_timeout)
        return joiner

    async def _require_member(self, membership: Membership, report: JoinReport, within: float) -> None:
        """Wait for another live member.

        Raises:
            JoinError: There is none ``within`` seconds.
        """
        events = membership.events()
        try:
            async with asyncio.timeout(within):
                while MemberCounts.of(membership.members()).live < 2:
                    await anext(events)
        except TimeoutError:
            tried = "; ".join(f"{a.endpoint}: {a.outcome} ({a.detail})" for a in report.attempts)
            raise JoinError(
                f"no member was joined within cluster.join.startup_timeout ({within:g} s); "
                f"tried {tried or 'no endpoint, because no source found any'}",
                report.attempts,
            ) from None

    def _health(
        self, stack: AsyncExitStack, membership: Membership, providers: ProviderFactory, discovery: Discovery
    ) -> ClusterHealth:
        cluster = self.settings.cluster
        health = ClusterHealth(
            membership,
            cluster.health,
            expected_size=cluster.expected_size,
            checks=providers.health_checks(),
            own_checks=source_checks(discovery),
            clock=self.clock,
            logger=self.logger,
        )
        providers.track_tasks_of(health.plugin_calls)
        health.start()
        stack.push_async_callback(self._closing, "health", health.aclose)
        return health

    def _detect_conflicts(
        self, stack: AsyncExitStack, membership: Membership, joiner: Joiner
    ) -> NodeIdConflictDetector:
        async def step_down() -> None:
            await joiner.aclose()
            await membership.leave(LEAVE_TIMEOUT)

        detector = NodeIdConflictDetector(membership, step_down, clock=self.clock, logger=self.logger)
        detector.start()
        stack.push_async_callback(self._closing, "node id conflict detector", detector.aclose)
        return detector

    def _register(
        self,
        stack: AsyncExitStack,
        providers: ProviderFactory,
        identity: NodeIdentity,
        local: Member,
        api: Address,
    ) -> tuple[Registration, ...]:
        cluster = self.settings.cluster
        if not cluster.registration.enabled:
            return ()
        node = NodeRecord(
            identity=identity,
            addr=local.addr,
            api_addr=api,
            spaces=cluster.spaces,
            version=__version__,
        )
        registrations = []
        for provider, registrar in providers.registrars().items():
            logger = self.logger.bind(provider=provider)
            registration = Registration(
                provider, registrar, node, clock=self.clock, random=self.random, logger=logger
            )
            providers.track_tasks_of([registration.plugin_call])
            registration.start()
            drain_delay = cluster.registration.drain_delay
            close = functools.partial(registration.aclose, drain_delay=drain_delay)
            stack.push_async_callback(self._closing, "registration", close, extra=drain_delay)
            registrations.append(registration)
        return tuple(registrations)

    async def _closing(self, what: str, close: Callable[[], Awaitable[None]], extra: float = 0.0) -> None:
        """Close one part, bounded; a failure is logged, and the rest is closed all the same."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT + extra):
                await close()
        except Exception as error:  # noqa: BLE001  shutdown continues whatever one part raises; it is logged
            self.logger.warning("cluster.close_failed", part=what, error=error_text(error))

    async def _end_leaked_tasks(
        self, providers: ProviderFactory, failed: type[BaseException] | None, *_: object
    ) -> None:
        """End the tasks that plugins leaked, after everything they made is closed.

        Raises:
            PluginError: A plugin leaked tasks, and ``plugins.strict`` is set; not if the node failed before.
        """
        leaks = await providers.end_leaked_tasks()
        if leaks and self.host.strict and failed is None:
            raise leaks[0]
