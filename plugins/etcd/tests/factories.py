"""Discoverers and registrars as the host makes and keeps them, with settings and a log that a test can read."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from engram_discovery.hookspecs import PluginContext
from engram_discovery.network.address import Address
from engram_discovery.registration.registration import Registration
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.sources.source import Source
from engram_discovery.types import NodeIdentity, NodeRecord
from engram_discovery_etcd.client import EtcdClient
from engram_discovery_etcd.discoverer import EtcdDiscoverer
from engram_discovery_etcd.failures import EtcdError
from engram_discovery_etcd.messages import PutRequest, RequestOp, TxnRequest
from engram_discovery_etcd.registrar import EtcdRegistrar
from engram_discovery_etcd.settings import EtcdSettings
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engram_discovery.registration.registration import RegistrationState
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import Empty, Found


class Log:
    """A logger that keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.lines.append((event, facts))

    debug = info = error = warning

    def bind(self, **facts: Any) -> Log:
        return self

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


def make_identity(node_id: str = "n1", generation: int = 1) -> NodeIdentity:
    """Return a node of the cluster ``c``."""
    return NodeIdentity(node_id=node_id, generation=generation, cluster="c")


def make_node(node_id: str = "n1", generation: int = 1, port: int = 7946) -> NodeRecord:
    """Return what a registry is told about a node."""
    return NodeRecord(
        identity=make_identity(node_id, generation),
        addr=Address("10.0.0.1", port),
        api_addr=Address("10.0.0.1", 50051),
        spaces=("s1",),
        version="0.1.0",
    )


def make_context(
    log: Log | None = None,
    *,
    timeout: float = 5.0,
    identity: NodeIdentity | None = None,
    clock: Clock | None = None,
) -> PluginContext:
    """Return what the host hands to a factory."""
    return PluginContext(
        provider="etcd",
        identity=identity,
        logger=log or Log(),
        clock=clock or SystemClock(),
        cluster="c",
        timeout=timeout,
    )


@asynccontextmanager
async def discoverer(
    *endpoints: str, context: PluginContext | None = None, **settings: object
) -> AsyncIterator[EtcdDiscoverer]:
    """Make a discoverer, and close it."""
    context = context or make_context()
    table = EtcdSettings.model_validate({"endpoints": endpoints, **settings})
    made = EtcdDiscoverer(table, context, EtcdClient(table, context))
    try:
        yield made
    finally:
        await made.aclose()


@asynccontextmanager
async def registrar(
    *endpoints: str, context: PluginContext | None = None, **settings: object
) -> AsyncIterator[EtcdRegistrar]:
    """Make a registrar, and close it."""
    context = context or make_context()
    table = EtcdSettings.model_validate({"endpoints": endpoints, **settings})
    made = EtcdRegistrar(table, EtcdClient(table, context))
    try:
        yield made
    finally:
        await made.aclose()


def make_source(
    log: Log, *endpoints: str, clock: Clock | None = None, full_read_interval: float = 300.0
) -> Source:
    """Return a source that the test starts and closes."""
    context = make_context(log, clock=clock)
    table = EtcdSettings.model_validate({"endpoints": endpoints})
    return Source(
        "etcd",
        EtcdDiscoverer(table, context, EtcdClient(table, context)),
        clock=context.clock,
        logger=log,
        random=random.Random(1),
        full_read_interval=full_read_interval,
    )


def make_registration(*endpoints: str, ttl: int, clock: Clock | None = None) -> Registration:
    """Return the registration of ``n1``, which the test starts and closes."""
    context = make_context(clock=clock)
    table = EtcdSettings.model_validate({"endpoints": endpoints, "ttl": ttl})
    made = EtcdRegistrar(table, EtcdClient(table, context))
    return Registration("etcd", made, make_node(), clock=context.clock, random=random.Random(1), logger=Log())


async def until_watching(source: Source, count: int, within: float = 15) -> None:
    """Wait until the source is watched and has so many peers."""

    async def reached() -> bool:
        return source.status().watching and len(source.snapshot()) == count

    await wait_until(reached, within=within, what=f"{count} peers, watched")


async def until_state(registration: Registration, state: RegistrationState, within: float = 15) -> None:
    """Wait until the registration is in this state."""

    async def reached() -> bool:
        return registration.state is state

    await wait_until(reached, within=within, what=f"the registration is {state}")


class Watching:
    """A watch whose answers a test takes one by one, with a deadline."""

    def __init__(self, discoverer: EtcdDiscoverer) -> None:
        self.stream = discoverer.watch()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stream.aclose()  # type: ignore[attr-defined]  # it is an asynchronous generator

    async def next(self, within: float = 15.0) -> Found | Empty:
        async with asyncio.timeout(within):
            return await anext(self.stream)


def ids(answer: Found | Empty) -> list[str | None]:
    """Return the node ids of an answer, in order."""
    return [endpoint.node_id for endpoint in getattr(answer, "endpoints", ())]


async def raw_put(client: EtcdClient, *pairs: tuple[str, bytes]) -> None:
    """Write keys as they are, 100 in a transaction."""
    for start in range(0, len(pairs), 100):
        puts = [
            RequestOp(request_put=PutRequest(key=key.encode(), value=value))
            for key, value in pairs[start : start + 100]
        ]
        await client.unary(lambda stubs: stubs.txn, TxnRequest(success=puts))


async def put_when_served(client: EtcdClient, key: str, value: bytes) -> None:
    """Write one key, as soon as etcd takes it."""

    async def put() -> bool:
        try:
            await raw_put(client, (key, value))
        except EtcdError as error:  # an election is under way
            print(error)
            return False
        return True

    await wait_until(put, within=20, what="etcd takes a write")


@asynccontextmanager
async def etcd_client(*endpoints: str, **settings: object) -> AsyncIterator[EtcdClient]:
    """Make a client, and close it."""
    client = EtcdClient(EtcdSettings.model_validate({"endpoints": endpoints, **settings}), make_context())
    try:
        yield client
    finally:
        await client.aclose()
