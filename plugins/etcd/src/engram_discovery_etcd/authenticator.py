"""Who we are to etcd: the metadata of each call, with a token where there is a user.

etcd's simple tokens die after five minutes without use, at each restart of the member, and when users or roles change;
any call may find out. Then a new one is asked for, once a call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]  # ships no types

from engram_discovery.provider import FailureKind, Secret
from engram_discovery_etcd.failures import EtcdError, translate
from engram_discovery_etcd.messages import AuthenticateRequest

if TYPE_CHECKING:
    from engram_discovery.provider import Logger
    from engram_discovery_etcd.channel import Connection
    from engram_discovery_etcd.settings import EtcdSettings

__all__ = ["Authenticator", "Metadata"]


class Metadata(tuple[tuple[str, str], ...]):
    """Names and values that go with a call. Its repr does not show them: one may be a token."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} metadata>"


#: Without it, a member that lost its leader lets a watch wait in silence for ever.
_LEADER = Metadata([("hasleader", "true")])


class Authenticator:
    """Holds the token.

    Args:
        settings: The table ``[cluster.etcd]``.
        logger: Logs every new token, without its value.
    """

    def __init__(self, settings: EtcdSettings, logger: Logger) -> None:
        self._user = settings.user
        self._password = settings.password
        self._logger = logger
        self._metadata: Metadata | None = None if settings.user else _LEADER
        self._proven = False
        self._asking = asyncio.Lock()

    async def metadata(self, connection: Connection, timeout: float) -> Metadata:
        """Return what goes with the next call; asks for a token if there is none.

        Raises:
            EtcdError: etcd refuses user and password, or does not answer.
        """
        async with self._asking:
            if self._metadata is None:
                self._metadata = await self._log_in(connection, timeout)
                self._proven = False
            return self._metadata

    def accepted(self) -> None:
        """Remember that etcd took the token."""
        self._proven = True

    def refused(self, metadata: Metadata) -> bool:
        """Record that etcd refused the token of a call; return whether to retry with a new token.

        A token that was refused at once is not replaced: that would be a storm of log-ins, each of which costs etcd a
        password hash.
        """
        if self._user is None:
            return False
        if metadata is not self._metadata:
            return True
        worth_it = self._proven
        self._metadata = None
        return worth_it

    async def _log_in(self, connection: Connection, timeout: float) -> Metadata:
        password = await self._current_password()
        try:
            answer = await connection.stubs.authenticate(
                AuthenticateRequest(name=self._user or "", password=password), timeout=timeout
            )
        except grpc.aio.AioRpcError as error:
            if "authentication is not enabled" in (error.details() or ""):
                return _LEADER
            raise translate(error) from None
        finally:
            del password  # a traceback may be shown with the locals of its frames
        self._logger.debug("etcd.authenticated", endpoint=str(connection.target))
        return Metadata([*_LEADER, ("token", answer.token)])

    async def _current_password(self) -> str:
        if self._password is None:
            return ""
        if isinstance(self._password, Secret):
            try:
                await asyncio.to_thread(self._password.refresh)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                text = f"cluster.etcd.password_file: cannot read {self._password.path}: {reason}"
                raise EtcdError(text, FailureKind.CONFIG) from None
        return self._password.get_secret_value()
