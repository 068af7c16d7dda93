"""A server in this process, and a discoverer, a registrar and a health check of it that keep every promise.

Providers that break a promise are made from these by changing one method.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from engram_discovery.errors import DiscoveryError, FailureKind, RegistrationError
from engram_discovery.hookspecs import hookimpl
from engram_discovery.settings.field_types import Table
from engram_discovery.testing.contracts import Backend
from engram_discovery.types import (
    CheckResult,
    CheckStatus,
    Empty,
    Endpoint,
    Found,
    Lease,
    NodeRecord,
    ProviderInfo,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.network.address import Address

SECRET = "s3cret-canary"
TTL = 3.0


class MemoryServer(Backend):
    """Records and registered nodes, in memory; time is the running loop's."""

    def __init__(self) -> None:
        self.records: list[Address] = []
        self.nodes: dict[str, tuple[Address, float]] = {}
        self.generations: dict[str, int] = {}
        self.running = False
        self.corrupted = False
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.stirred = asyncio.Event()

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False
        self._stir()

    async def pause(self) -> None:
        self.thawed.clear()

    async def resume(self) -> None:
        self.thawed.set()

    async def add(self, address: Address) -> None:
        self.records.append(address)
        self._stir()

    async def remove(self, address: Address) -> None:
        self.records.remove(address)
        self._stir()

    async def corrupt(self) -> None:
        self.corrupted = True

    async def registered(self) -> Mapping[str, Address]:
        now = asyncio.get_running_loop().time()
        return {node_id: address for node_id, (address, expires) in self.nodes.items() if expires > now}

    async def forget(self, node_id: str) -> None:
        self.nodes.pop(node_id, None)
        self._stir()

    async def ask(self) -> None:
        """Let a client through to the records, or not."""
        await asyncio.sleep(0)
        await self.thawed.wait()
        if not self.running:
            raise ConnectionRefusedError("nobody listens")
        if self.corrupted:
            raise ValueError("half an answer")

    def _stir(self) -> None:
        self.stirred.set()
        self.stirred = asyncio.Event()


class Settings(Table):
    """The table of the provider under test."""

    server: Any = Field(description="The server.")
    token: SecretStr = Field(default=SecretStr(SECRET), description="A secret.")


class Client:
    """What discoverer, registrar and check begin with."""

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        self.settings = settings
        self.server: MemoryServer = settings.server
        self.log = context.logger
        self.tasks: list[asyncio.Task[None]] = []

    def leak(self) -> None:
        """Begin something that nobody ends."""
        self.tasks.append(asyncio.create_task(asyncio.sleep(3600)))

    async def aclose(self) -> None: ...


class MemoryDiscoverer(Client):
    async def discover(self) -> Any:
        return self.answer(await self.read())

    async def watch(self) -> AsyncIterator[Any]:
        while True:
            stirred = self.server.stirred
            yield self.answer(await self.read())
            await stirred.wait()

    async def read(self) -> list[Address]:
        with translated(DiscoveryError):
            await self.server.ask()
        return list(self.server.records)

    def answer(self, records: list[Address]) -> Any:
        return Found(tuple(Endpoint(*record) for record in records)) if records else Empty("nobody")


class MemoryRegistrar(Client):
    node: NodeRecord | None = None

    async def register(self, node: NodeRecord) -> Any:
        await self.ask()
        self.node = node
        return self.write(node)

    async def renew(self) -> Any:
        await self.ask()
        assert self.node is not None
        if not await self.is_known():
            raise RegistrationError("no such record", kind=FailureKind.NOT_FOUND)
        return self.write(self.node)

    async def verify(self) -> bool:
        await self.ask()
        return await self.is_known()

    async def deregister(self) -> None:
        await self.ask()
        if self.node is not None:
            self.look()
            await self.server.forget(self.node.identity.node_id)

    async def wait_for_change(self) -> None:
        while await self.is_known():
            await self.server.stirred.wait()

    def look(self) -> None:
        """Raise if the record is a newer run's."""
        if self.node is not None:
            identity = self.node.identity
            if self.server.generations.get(identity.node_id, 0) > identity.generation:
                raise RegistrationError("a newer run holds it", kind=FailureKind.SUPERSEDED)

    async def is_known(self) -> bool:
        self.look()
        return self.node is not None and self.node.identity.node_id in await self.server.registered()

    async def ask(self) -> None:
        with translated(RegistrationError):
            await self.server.ask()

    def write(self, node: NodeRecord) -> Lease:
        expires = asyncio.get_running_loop().time() + TTL
        self.server.nodes[node.identity.node_id] = (node.addr, expires)
        self.server.generations[node.identity.node_id] = node.identity.generation
        return Lease(TTL)


class MemoryCheck(Client):
    name = "memory"

    async def check(self) -> Any:
        try:
            await self.server.ask()
        except ConnectionError as error:
            return CheckResult(CheckStatus.CRITICAL, str(error))
        return CheckResult(CheckStatus.PASSING, "answers", {"records": len(self.server.records)})


@contextmanager
def translated(error_type: type[DiscoveryError | RegistrationError]) -> Iterator[None]:
    """Translate what a server's client raises, as a plugin does at its edge."""
    try:
        yield
    except ConnectionError as error:
        raise error_type(str(error), kind=FailureKind.REFUSED) from error
    except ValueError as error:
        raise error_type(str(error), kind=FailureKind.BAD_DATA) from error


def plugin_of(**factories: Callable[..., Any]) -> ModuleType:
    """Make a plugin whose provider ``memory`` makes these: ``discoverer``, ``registrar``, ``health_checks``."""

    @hookimpl
    def engram_providers() -> list[ProviderInfo]:
        return [ProviderInfo(name="memory", settings_model=Settings, summary="a server in this process")]

    def hook(make: Callable[..., Any]) -> Callable[..., Any]:
        @hookimpl
        def create(provider: str, settings: Any, context: PluginContext) -> Any:
            return make(settings, context)

        return create

    module = ModuleType("memory_plugin")
    hooks = {f"engram_create_{what}": hook(make) for what, make in factories.items()}
    vars(module).update(engram_providers=engram_providers, **hooks)
    return module


class OfMemory:
    """What the suites are told of the provider under test."""

    provider: ClassVar[str] = "memory"
    secrets: ClassVar[tuple[str, ...]] = (SECRET,)

    def make_backend(self, _directory: object) -> MemoryServer:
        return MemoryServer()

    def settings(self, backend: MemoryServer) -> dict[str, Any]:
        return {"server": backend}


def suites(
    suite: type, make: Callable[[Any], Any], faults: Mapping[str, tuple[Any, str]], good: Any
) -> dict[str, type]:
    """Make one subclass of ``suite`` for each fault, and one for the provider without any."""
    providers = {"Good": good, **{name: broken for name, (broken, _) in faults.items()}}
    return {
        f"Test{name}": type(f"Test{name}", (OfMemory, suite), make(provider))
        for name, provider in providers.items()
    }
