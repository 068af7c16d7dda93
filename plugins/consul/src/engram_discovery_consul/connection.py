"""What py-consul's API classes need of its ``Consul`` object, which is never made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engram_discovery_consul.transport import TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consul.base import Response  # type: ignore[import-untyped]  # py-consul ships no types

    from engram_discovery_consul.credentials import Credentials
    from engram_discovery_consul.instances import Instance, InstanceReader
    from engram_discovery_consul.transport import Reply, Transport

__all__ = ["Connection", "Reading"]


class Connection:
    """Gives py-consul's API classes a transport and the token in use.

    Args:
        transport: Sends what they put together.
        credentials: The token.
        datacenter: Asked for where the class takes one; default: the agent's.
    """

    def __init__(
        self, transport: Transport | Reading, credentials: Credentials, datacenter: str | None = None
    ) -> None:
        self.http = transport
        self.dc = datacenter
        self._credentials = credentials

    def prepare_headers(self, token: str | None = None) -> dict[str, str]:
        """Return the header with this token, or with the one in use."""
        token = token or self._credentials.token
        return {TOKEN_HEADER: token} if token else {}


class Reading:
    """A transport for py-consul's ``Health`` whose answers we read ourselves, in half of the time.

    Args:
        transport: Sends what ``Health`` puts together.
        reader: Reads the answers.
    """

    def __init__(self, transport: Transport, reader: InstanceReader) -> None:
        self._transport = transport
        self._reader = reader

    async def get(self, _: object, path: str, params: Any, headers: Mapping[str, str]) -> Reply:
        """Send a GET; its value is the index, and the instances with the number of bad entries."""
        return await self._transport.get(self._read, path, params, headers)

    def _read(self, response: Response) -> tuple[str, tuple[list[Instance], int]]:
        return response.headers.get("X-Consul-Index", ""), self._reader.read(response.body)
