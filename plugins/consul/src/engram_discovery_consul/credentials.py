"""The ACL token in use, read again from its file so that it can be rotated while the node runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engram_discovery.provider import Logger, Secret

__all__ = ["Credentials"]


class Credentials:
    """Provides the token for the next request.

    Args:
        token: From the settings.
        logger: Logs when the file cannot be read; the last good token stays in use.
    """

    def __init__(self, token: Secret | None, logger: Logger) -> None:
        self._token = token
        self._logger = logger
        self._complained = False

    @property
    def token(self) -> str | None:
        """The token as last read."""
        return self._token.get_secret_value() if self._token is not None else None

    async def refresh(self) -> None:
        """Read the file again, if there is one. Never raises."""
        if self._token is None or self._token.path is None:
            return
        try:
            await asyncio.to_thread(self._token.refresh)
        except (OSError, ValueError) as error:
            if not self._complained:
                self._logger.warning("consul.token_unreadable", path=str(self._token.path), error=str(error))
            self._complained = True
        else:
            self._complained = False
