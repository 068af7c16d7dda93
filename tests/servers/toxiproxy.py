"""A real toxiproxy: delays, cuts and half-open connections between a client and a TCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from tests.servers.build import find
from tests.servers.process import ServerProcess, free_port

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Toxiproxy"]


class Toxiproxy(ServerProcess):
    """One proxy in front of one server.

    Args:
        directory: Where the log goes.
        upstream: ``host:port`` of the server.
    """

    def __init__(self, directory: Path, upstream: str) -> None:
        self._api = f"127.0.0.1:{free_port()}"
        self._upstream = upstream
        self.addr = f"127.0.0.1:{free_port()}"
        host, _, port = self._api.partition(":")
        super().__init__(
            [find("toxiproxy"), "-host", host, "-port", port],
            log=directory / "toxiproxy.log",
            ready=self._has_proxy,
        )

    async def afflict(self, toxic: str, stream: str = "downstream", **attributes: int) -> None:
        """Add a toxic such as ``latency`` (``latency=2000`` in ms) or ``timeout`` (``timeout=0``: half-open)."""
        body = {"name": f"{toxic}-{stream}", "type": toxic, "stream": stream, "attributes": attributes}
        await self._call("POST", "/proxies/server/toxics", json=body)

    async def heal(self) -> None:
        """Take all toxics away."""
        await self._call("POST", "/reset")

    async def _has_proxy(self) -> bool:
        try:
            body = {"name": "server", "listen": self.addr, "upstream": self._upstream, "enabled": True}
            await self._call("POST", "/proxies", json=body)
        except httpx.TransportError:
            return False
        return True

    async def _call(self, method: str, path: str, **options: Any) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            response = await client.request(method, f"http://{self._api}{path}", **options)
        response.raise_for_status()
