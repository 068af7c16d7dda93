"""The HTTP server of ``engram-discovery run``: uvicorn on a socket that is bound beforehand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from engram_discovery._text import error_text
from engram_discovery.defaults import HTTP_CLOSE_TIMEOUT, HTTP_KEEP_ALIVE_TIMEOUT, MAX_HTTP_BACKLOG
from engram_discovery.errors import BindError
from engram_discovery.http.middleware import BoundedConnection, ConnectionLimits
from engram_discovery.network.address import Address, format_address
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.runtime.failure_log import FailureLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram_discovery.runtime.log import Logger

__all__ = ["HttpServer", "bind_socket"]


def bind_socket(address: Address, setting: str) -> socket.socket:
    """Open a listening socket, so that a port in use is found before anything else starts.

    Args:
        address: Where to listen.
        setting: The setting that the address comes from, for the message.

    Raises:
        BindError: The address is in use, not on this host, or not permitted.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(tuple(address))
        listener.listen(MAX_HTTP_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003  the socket module's own signature
    except OSError as error:
        listener.close()
        remedy = f"find the process with `ss -lntup`, or choose another {setting}"
        raise BindError(
            f"cannot listen on {format_address(address)}: {error_text(error)}; {remedy}"
        ) from error
    return listener


class HttpServer:
    """Serves an ASGI application until closed. Installs no signal handlers.

    Args:
        app: The application.
        listener: The socket from ``bind_socket``.
        logger: For the event ``http.connection_limit_reached``.
        limits: Limits of connections.
    """

    def __init__(
        self, app: Any, listener: socket.socket, *, logger: Logger, limits: ConnectionLimits | None = None
    ) -> None:
        limits = limits or ConnectionLimits()
        limit_log = FailureLog(logger, SystemClock(), failed="http.connection_limit_reached")
        connection: Any = partial(BoundedConnection, limits=limits, limit_log=limit_log)
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                http=connection,
                ws="none",
                loop="none",
                server_header=False,
                backlog=MAX_HTTP_BACKLOG,
                timeout_keep_alive=HTTP_KEEP_ALIVE_TIMEOUT,
                timeout_graceful_shutdown=2 * HTTP_CLOSE_TIMEOUT,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start serving. Call once, on the event loop."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="engram-http")

    async def aclose(self) -> None:
        """Stop serving; clients have 2 s to read responses under way."""
        if self._task is None:
            self._listener.close()
            return
        self._server.should_exit = True
        try:
            await asyncio.wait({self._task}, timeout=HTTP_CLOSE_TIMEOUT)
        finally:
            for connection in list(self._server.server_state.connections):
                connection.transport.abort()
            await self._task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the program's signal handlers alone."""
        yield
