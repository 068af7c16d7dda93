"""Calls to etcd: each under a deadline, on whichever endpoint serves, with a token where one is needed."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import grpc  # type: ignore[import-untyped]  # ships no types

from engram_discovery.provider import FailureKind
from engram_discovery_etcd.authenticator import Authenticator
from engram_discovery_etcd.connections import Connections
from engram_discovery_etcd.failures import EtcdError, all_failed, translate
from engram_discovery_etcd.stale_reads import StaleReadGuard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engram_discovery.provider import PluginContext
    from engram_discovery_etcd.authenticator import Metadata
    from engram_discovery_etcd.channel import Connection
    from engram_discovery_etcd.messages import RangeRequest, RangeResponse
    from engram_discovery_etcd.services import Stubs, Unary
    from engram_discovery_etcd.settings import EtcdSettings

__all__ = ["EtcdClient", "Try"]

A = TypeVar("A")
Q = TypeVar("Q")
T = TypeVar("T")

_OWN_SHARE = 0.9  # of the host's deadline, so that the error names the cause before the host's timeout


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a call.

    Attributes:
        connection: Where.
        metadata: What goes with it.
        timeout: Seconds that it may take.
    """

    connection: Connection
    metadata: Metadata
    timeout: float

    async def unary(self, method: Callable[[Stubs], Unary[Q, A]], request: Q) -> A:
        """Ask one question and return the answer."""
        return await method(self.connection.stubs)(request, timeout=self.timeout, metadata=self.metadata)


class EtcdClient:
    """Talks to one etcd cluster. Opens connections when they are needed.

    Args:
        settings: The table ``[cluster.etcd]``.
        context: Clock, logger and the host's deadline.
    """

    def __init__(self, settings: EtcdSettings, context: PluginContext) -> None:
        self._timeout = min(settings.timeout or context.timeout, context.timeout) * _OWN_SHARE
        self._connections = Connections(settings)
        self._access = Authenticator(settings, context.logger)
        self._history = StaleReadGuard(context.clock, context.logger)

    async def unary(self, method: Callable[[Stubs], Unary[Q, A]], request: Q) -> A:
        """Ask one question and return the answer.

        Args:
            method: Picks the method: ``lambda stubs: stubs.txn``.
            request: Its message. It may reach etcd twice.

        Raises:
            EtcdError: No endpoint gave a good answer.
        """
        return await self.attempt(lambda one: one.unary(method, request))

    async def range(self, request: RangeRequest) -> RangeResponse:
        """Read keys. A stale read is discarded.

        Raises:
            EtcdError: No endpoint gave a good answer.
        """
        since = self._history.mark

        async def read(one: Try) -> RangeResponse:
            answer = await one.unary(lambda stubs: stubs.range, request)
            self._history.check(answer.header, since)
            return answer

        return await self.attempt(read)

    async def attempt(self, work: Callable[[Try], Awaitable[T]]) -> T:
        """Do ``work`` on the endpoint in use, and if that fails on another, until one succeeds or time is up.

        Raises:
            EtcdError: None succeeded, or the failure is one that no other endpoint can better.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + self._timeout
        failures: dict[str, EtcdError] = {}
        for tries in itertools.count(1):
            remaining = deadline - now()
            if remaining <= 0:
                break
            try:
                connection = await self._connections.get(remaining)
            except EtcdError as error:
                if not failures:
                    raise
                failures["others"] = error
                break
            others, remaining = tries < len(self._connections), deadline - now()
            try:
                return await self._on(connection, work, remaining / 2 if others else remaining)
            except EtcdError as error:
                if not error.elsewhere:
                    raise
                failures[str(connection.target)] = error
                await self._connections.give_up(connection)
            if not others:
                break
        raise all_failed(failures, retry_after=self._history.all_behind(failures.values()))

    async def give_up(self, connection: Connection) -> None:
        """Use another endpoint from now on: a stream on this one ended badly."""
        await self._connections.give_up(connection)

    async def aclose(self) -> None:
        """Close the connection. A later call opens a new one."""
        await self._connections.aclose()

    async def _on(self, connection: Connection, work: Callable[[Try], Awaitable[T]], timeout: float) -> T:
        connection.hold()
        try:
            async with asyncio.timeout(timeout):
                return await self._authorised(connection, work, timeout)
        except TimeoutError:
            raise EtcdError(
                f"no answer within {timeout:.1f} s", FailureKind.TIMEOUT, elsewhere=True
            ) from None
        finally:
            await connection.release()

    async def _authorised(
        self, connection: Connection, work: Callable[[Try], Awaitable[T]], timeout: float
    ) -> T:
        """Do the work; if the token is refused, do it once more with a new one."""
        while True:
            metadata = await self._access.metadata(connection, timeout)
            try:
                result = await _translated(work(Try(connection, metadata, timeout)))
            except EtcdError as error:
                if not error.token_refused or not self._access.refused(metadata):
                    raise
            else:
                self._access.accepted()
                return result


async def _translated(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except grpc.aio.AioRpcError as error:
        raise translate(error) from None
