"""HTTP towards one agent, in the shape in which py-consul's API classes call it.

py-consul's own asynchronous transport reads answers of any size, follows redirects, passes options to aiohttp that
are deprecated, and reads certificates once. This one is bounded, follows nothing, and reads nothing from
the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp
from consul.base import Response  # type: ignore[import-untyped]  # py-consul ships no types
from yarl import URL

from engram_discovery.provider import FailureKind
from engram_discovery_consul.failures import ConsulError, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engram_discovery_consul.pinning import PinnedAgent
    from engram_discovery_consul.tls import Tls

__all__ = ["MAX_ANSWER_SIZE", "TOKEN_HEADER", "Reply", "Transport"]

#: Bytes after which an answer is cut off.
MAX_ANSWER_SIZE = 8 * 1024 * 1024

#: The header that carries the ACL token.
TOKEN_HEADER = "X-Consul-Token"  # noqa: S105  the name of a header

MAX_SOCKETS = 2
_KEEPALIVE_TIMEOUT = 5.0
_OK = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of 200.

    Attributes:
        value: The body as decoded; not to be changed.
        headers: Headers, whose names ignore case.
    """

    value: Any
    headers: Mapping[str, str]


class Transport:
    """Sends requests; deadlines are the caller's. A cancelled request closes its socket.

    Args:
        base_url: ``scheme://host:port`` of the agent.
        headers: Sent with every request; no token.
        agent: Chooses among the addresses of a name.
        tls: For ``https``.
        server_name: Name that the certificate must have, if not that of the URL.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        agent: PinnedAgent,
        tls: Tls | None,
        server_name: str | None,
    ) -> None:
        self._base_url = base_url
        self._headers = dict(headers)
        self._agent = agent
        self._tls = tls
        self._server_name = server_name
        self._session: aiohttp.ClientSession | None = None
        self._decoded: tuple[tuple[str, str | None, bytes], Any] | None = None

    async def get(
        self,
        callback: Callable[[Any], Any],
        path: str,
        params: Iterable[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a GET; see ``_call``."""
        return await self._call("GET", callback, path, params, headers, None)

    async def put(
        self,
        callback: Callable[[Any], Any],
        path: str,
        params: Iterable[tuple[str, Any]] | None = None,
        data: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a PUT; see ``_call``."""
        return await self._call("PUT", callback, path, params, headers, data)

    async def aclose(self) -> None:
        """Close all sockets. A later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _call(
        self,
        method: str,
        callback: Callable[[Any], Any],
        path: str,
        params: Iterable[tuple[str, Any]] | None,
        headers: Mapping[str, str] | None,
        data: str | None,
    ) -> Reply:
        """Send one request and decode its answer by ``callback``, which gets the body as bytes.

        An answer that is the last one again is not decoded again: its value is the same object.

        Raises:
            ConsulError: The answer is not 200, or too large.
            aiohttp.ClientError, OSError: There is no answer.
            ValueError, ConsulException: ``callback`` cannot decode it.
        """
        query = f"?{urlencode(list(params))}" if params else ""
        url = URL(f"{self._base_url}{quote(path, safe='/:')}{query}", encoded=True)
        async with self._opened().request(
            method,
            url,
            data=data,
            headers=headers,
            allow_redirects=False,
            ssl=self._tls.context() if self._tls else True,
            server_hostname=self._server_name,
        ) as response:
            body = await _read(response)
        if response.status != _OK:
            text = _without_token(body.decode("utf-8", "replace"), headers)
            raise refused(response.status, text, response.headers)
        request_and_body = (str(url), response.headers.get("X-Consul-Index"), body)
        if self._decoded is None or self._decoded[0] != request_and_body:
            self._decoded = request_and_body, callback(Response(response.status, response.headers, body))
        return Reply(self._decoded[1], response.headers)

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, made at the first call because it belongs to the running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=MAX_SOCKETS,
                    keepalive_timeout=_KEEPALIVE_TIMEOUT,
                    resolver=self._agent,
                    use_dns_cache=False,
                ),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _without_token(text: str, headers: Mapping[str, str] | None) -> str:
    """Return a server's text with the token masked, should it repeat it."""
    token = (headers or {}).get(TOKEN_HEADER)
    return text.replace(token, "***") if token else text


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_SIZE:
            raise ConsulError(f"an answer of more than {MAX_ANSWER_SIZE >> 20} MiB", FailureKind.BAD_DATA)
    return b"".join(chunks)
