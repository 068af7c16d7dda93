"""Objects of the provider as the host makes them, with a log that a test can read."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, Self

from engram_discovery.hookspecs import PluginContext
from engram_discovery.network.address import Address
from engram_discovery.registration.registration import Registration, RegistrationState
from engram_discovery.runtime.clock import Clock, SystemClock
from engram_discovery.sources.source import Source
from engram_discovery.types import NodeIdentity, NodeRecord
from engram_discovery_consul.client import ConsulClient
from engram_discovery_consul.discoverer import ConsulDiscoverer
from engram_discovery_consul.health import ConsulHealthCheck
from engram_discovery_consul.registrar import ConsulRegistrar
from engram_discovery_consul.settings import ConsulSettings

#: The policy of docs/how-to/consul.md.
ENOUGH = 'service "engram" { policy = "write" }\nnode_prefix "" { policy = "read" }'


class Log:
    """A logger that keeps what it was told."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, dict[str, Any]]] = []
        self.all_events: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.warnings.append((event, facts))
        self.all_events.append((event, facts))

    def info(self, event: str, **facts: Any) -> None:
        self.all_events.append((event, facts))

    debug = error = info

    def bind(self, **facts: Any) -> Log:
        return self

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.all_events]


def identity(node_id: str = "n1", generation: int = 1, cluster: str = "c") -> NodeIdentity:
    return NodeIdentity(node_id=node_id, generation=generation, cluster=cluster)


def record(port: int = 7946, *, api_port: int = 50051, **who: Any) -> NodeRecord:
    return NodeRecord(
        identity=identity(**who),
        addr=Address("127.0.0.1", port),
        api_addr=Address("127.0.0.1", api_port),
        version="0.1.0",
    )


class Maker:
    """Makes objects for one agent, and closes them."""

    def __init__(self, addr: str, *, timeout: float = 5.0, clock: Clock | None = None, **settings: Any):
        self.settings = ConsulSettings.model_validate({"addr": addr, **settings})
        self.log = Log()
        self._open: list[Any] = []
        self.context = PluginContext(
            provider="consul",
            identity=None,
            logger=self.log,
            clock=clock or SystemClock(),
            timeout=timeout,
            user_agent="engram-discovery/test",
        )

    def client(self, node: NodeRecord | None = None) -> ConsulClient:
        return self._kept(ConsulClient(self.settings, self._context(node)))

    def discoverer(self, node: NodeRecord | None = None) -> ConsulDiscoverer:
        context = self._context(node)
        return self._kept(ConsulDiscoverer(self.settings, context, ConsulClient(self.settings, context)))

    def registrar(self, node: NodeRecord) -> ConsulRegistrar:
        context = self._context(node)
        return self._kept(ConsulRegistrar(self.settings, context, ConsulClient(self.settings, context)))

    def health_check(self, node: NodeRecord | None = None) -> ConsulHealthCheck:
        context = self._context(node)
        return ConsulHealthCheck(self.settings, context, ConsulClient(self.settings, context))

    def source(self, node: NodeRecord | None = None, **options: Any) -> Source:
        """Make a source that is watched, as the host runs it."""
        source = Source(
            "consul",
            self.discoverer(node),
            clock=self.context.clock,
            logger=self.log,
            random=Random(1),
            timeout=self.context.timeout,
            **options,
        )
        self._open[-1] = source
        source.start()
        return source

    def registration(self, node: NodeRecord) -> Registration:
        """Make the upkeep of a record, as the host runs it."""
        registration = Registration(
            "consul",
            self.registrar(node),
            node,
            clock=self.context.clock,
            random=Random(1),
            logger=self.log,
        )
        self._open[-1] = registration
        registration.start()
        return registration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in reversed(self._open):
            if getattr(one, "state", None) is not RegistrationState.DRAINING:
                await one.aclose()

    def _context(self, node: NodeRecord | None) -> PluginContext:
        return replace(self.context, identity=node.identity if node else None)

    def _kept(self, one: Any) -> Any:
        self._open.append(one)
        return one
