"""A real server as the contract suites drive it."""

from __future__ import annotations

from typing import Generic, TypeVar

from engram_discovery.testing.contracts import Backend
from tests.servers.process import ServerProcess

__all__ = ["ServerBackend"]

Server = TypeVar("Server", bound=ServerProcess)


class ServerBackend(Backend, Generic[Server]):
    """Starts, stops, freezes and thaws a server. What its records are, a subclass says.

    Args:
        server: The server; kept as ``server``.
    """

    def __init__(self, server: Server) -> None:
        self.server = server

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()

    async def pause(self) -> None:
        self.server.pause()

    async def resume(self) -> None:
        self.server.resume()
