"""An error inside a handler: one line in the log, an id for the client, no traceback anywhere."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from engram_discovery.runtime.log import Logger

__all__ = ["ErrorMiddleware"]


class ErrorMiddleware:
    """ASGI middleware that answers 500 with an id that is in the log too.

    Args:
        app: The application.
        logger: Told of the error.
    """

    def __init__(self, app: ASGIApp, logger: Logger) -> None:
        self._app = app
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and survive whatever it raises."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001  a handler may raise anything; it is logged under an id
            incident = secrets.token_hex(4)
            self._logger.error(
                "http.failed", id=incident, path=scope.get("path"), error=f"{type(error).__name__}: {error}"
            )
            # An answer already begun cannot be replaced: the server cuts the connection.
            if not started:
                await _answer(send, {"error": "internal", "id": incident})


async def _answer(send: Send, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
