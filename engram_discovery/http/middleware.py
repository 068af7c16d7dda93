"""Guard the HTTP server: limits on connections, and one log line instead of a traceback for an error in a handler.

uvicorn has neither a deadline nor a limit for connections (ADR 84). A client that sends its request byte by byte (slow
loris) or never reads the response is cut off. Above the limit, the address with the most connections loses its
oldest one: a client that opens hundreds pays alone, and a probe from another address is served.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from engram_discovery.defaults import CONNECTION_TIMEOUT, MAX_CONNECTIONS

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from engram_discovery.runtime.failure_log import FailureLog
    from engram_discovery.runtime.log import Logger

__all__ = ["BoundedConnection", "ConnectionLimits", "ErrorMiddleware"]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of the connections of one server.

    Attributes:
        seconds: Time from one response to the next: to read it, to wait, and to send the next request.
        connections: Connections at once.
    """

    seconds: float = CONNECTION_TIMEOUT
    connections: int = MAX_CONNECTIONS


class BoundedConnection(H11Protocol):
    """One connection.

    Args:
        limits: Its limits.
        limit_log: Logs a connection that was cut to make room.
        uvicorn: The arguments of uvicorn.
    """

    def __init__(self, *, limits: ConnectionLimits, limit_log: FailureLog, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = limits
        self._limit_log = limit_log
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room, and start the timer of the first request."""
        super().connection_made(transport)
        self._restart_timer()
        if len(self.connections) > self._limits.connections:
            self._make_room()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request; if its response has begun already, only close the connection.

        The handler sees a disconnected client. uvicorn alone would send a second response, which h11 refuses by an
        exception on the event loop.
        """
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Restart the timer."""
        super().on_response_complete()
        self._restart_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def cut(self) -> None:
        """Close without waiting for the client to read the response."""
        self.connections.discard(self)
        self.transport.abort()

    def _restart_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self._limits.seconds, self.cut)

    def _make_room(self) -> None:
        held = [connection for connection in self.connections if isinstance(connection, BoundedConnection)]
        counts = Counter(connection._address for connection in held)
        oldest = min(held, key=lambda connection: (-counts[connection._address], connection._ends()))
        oldest.cut()
        self._limit_log.failed(
            addr=oldest._address, connections=counts[oldest._address], limit=self._limits.connections
        )

    def _ends(self) -> float:
        return self._deadline.when() if self._deadline else 0.0

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""


class ErrorMiddleware:
    """ASGI middleware that responds 500 with an id that the log contains as well.

    Args:
        app: The application.
        logger: Receives the error.
    """

    def __init__(self, app: ASGIApp, logger: Logger) -> None:
        self._app = app
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; turn an exception into a response 500."""
        started = False

        async def tracked(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, tracked)
        except Exception as error:  # noqa: BLE001  a handler may raise anything; it is logged under an id
            incident = secrets.token_hex(4)
            self._logger.error(
                "http.failed", id=incident, path=scope.get("path"), error=f"{type(error).__name__}: {error}"
            )
            # a response that has begun cannot be replaced: the server closes the connection
            if not started:
                await _respond(send, {"error": "internal", "id": incident})


async def _respond(send: Send, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
