"""The HTTP server of ``engram-discovery run``: uvicorn on a socket that we bind ourselves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from engram_discovery.address import Address, format_address
from engram_discovery.errors import BindError
from engram_discovery.http.protocol import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HttpServer", "bind_socket"]

_SHUTDOWN_TIMEOUT = 2
_MOST_CONNECTIONS = 200


def bind_socket(address: Address, setting: str) -> socket.socket:
    """Open a listening socket, so that a port in use is known before anything else starts.

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
        listener.listen(128)
        listener.setblocking(False)  # noqa: FBT003  the socket module's own signature
    except OSError as error:
        listener.close()
        remedy = f"find who uses it with `ss -lntup`, or choose another {setting}"
        raise BindError(f"cannot listen on {format_address(address)}: {error.strerror}; {remedy}") from error
    return listener


class HttpServer:
    """Serves an ASGI application until closed. Signals are the caller's business."""

    def __init__(self, app: Any, listener: socket.socket) -> None:
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                http=Connection,
                ws="none",
                loop="none",
                server_header=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_keep_alive=10,
                timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start serving. Call once, on the event loop."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="engram-http")

    async def aclose(self) -> None:
        """Stop serving; answers under way get 2 s."""
        if self._task is None:
            self._listener.close()
            return
        self._server.should_exit = True
        await self._task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the program's signal handlers alone."""
        yield
