"""One HTTP connection of the server: what a malformed request costs is the client's connection, and nothing else."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Connection"]


class Connection(H11Protocol):
    """uvicorn's connection, which otherwise raises on the event loop where an answer to the request has begun."""

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request; if its answer has begun already, only cut the connection.

        The handler that answers it is told that the client is gone, so that it sends no second answer.
        """
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
