"""Use one of several agents behind a name: the same one until it fails.

A registration lives at one agent; a renewal that reaches another one finds nothing there.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

from engram_discovery.provider import ResolutionError, resolve

if TYPE_CHECKING:
    from engram_discovery.provider import Address

__all__ = ["PinnedAgent"]


class PinnedAgent(AbstractResolver):
    """Resolves a name once and keeps one of its addresses; after a failure, the next one.

    Args:
        timeout: Seconds for one name resolution.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._pinned: Address | None = None
        self._failed: set[Address] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the one address to connect to; called by aiohttp, and not for IP addresses.

        Raises:
            OSError: The name cannot be resolved.
        """
        if self._pinned is None:
            self._pinned = await self._choose(host, port, family)
        address = self._pinned
        found = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=address.port,
                family=found,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    def failed(self) -> None:
        """Give up on the address in use."""
        if self._pinned is not None:
            self._failed.add(self._pinned)
            self._pinned = None

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    async def _choose(self, host: str, port: int, family: socket.AddressFamily) -> Address:
        try:
            addresses = await resolve(host, port, timeout=self._timeout, family=family)
        except ResolutionError as error:
            raise OSError(None, str(error)) from error
        untried = [address for address in addresses if address not in self._failed]
        if not untried:
            self._failed.clear()
        return (untried or addresses)[0]
