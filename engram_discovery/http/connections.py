"""Connections that nobody can hold for ever: uvicorn's own, with a deadline and a bound (uvicorn has neither).

A client that sends its request byte by byte (slow loris), or never reads the answer, is cut off; so is one whose
request turns out malformed when it is answered already. When there are too many connections, the address that
holds most of them loses its oldest: whoever opens hundreds pays for it alone, and a probe from elsewhere still gets its
answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from engram_discovery.runtime.failure_log import FailureLog

__all__ = ["BoundedConnection", "ConnectionLimits"]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What the connections of one server may take.

    Attributes:
        seconds: From one answer to the next: for reading the one, waiting, and sending the request for the other.
        connections: How many there may be at once.
    """

    seconds: float = 10.0
    connections: int = 200


class BoundedConnection(H11Protocol):
    """One connection.

    Args:
        bounds: What it may take.
        crowded: Told when a connection was cut to make room for this one.
        uvicorn: What uvicorn gives every connection.
    """

    def __init__(self, *, bounds: ConnectionLimits, crowded: FailureLog, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._bounds = bounds
        self._crowded = crowded
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room, and start the time for the first request."""
        super().connection_made(transport)
        self._start_time()
        if len(self.connections) > self._bounds.connections:
            self._make_room()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request; if its answer has begun already, only cut the connection.

        The handler that answers it is told that the client is gone. uvicorn alone would send a second answer, which h11
        refuses by an exception on the event loop.
        """
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Start the time anew."""
        super().on_response_complete()
        self._start_time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def cut(self) -> None:
        """Close without waiting for the client to read what was sent."""
        self.connections.discard(self)
        self.transport.abort()

    def _start_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self._bounds.seconds, self.cut)

    def _make_room(self) -> None:
        held = [connection for connection in self.connections if isinstance(connection, BoundedConnection)]
        counts = Counter(connection._address for connection in held)
        given_up = min(held, key=lambda connection: (-counts[connection._address], connection._ends()))
        given_up.cut()
        self._crowded.failed(
            addr=given_up._address, connections=counts[given_up._address], limit=self._bounds.connections
        )

    def _ends(self) -> float:
        return self._deadline.when() if self._deadline else 0.0

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""
