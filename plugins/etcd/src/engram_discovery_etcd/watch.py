"""A watch of etcd: one stream, which ends with an error when the member behind it is of no more use.

A member can stop without its connection being cut (a frozen process, a dropped route), and a watch is silent anyway
when nothing happens. So the stream's progress is requested when it is silent. A live member that is not behind answers
at once; etcd reports no progress for a watch that starts in the future, so watches start at the listing's revision.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # ships no types

from engram_discovery.provider import FailureKind
from engram_discovery_etcd.failures import EtcdError, translate, watch_ended
from engram_discovery_etcd.messages import WatchCreateRequest, WatchProgressRequest, WatchRequest
from engram_discovery_etcd.records import folder_end

if TYPE_CHECKING:
    from engram_discovery_etcd.channel import Connection
    from engram_discovery_etcd.client import Try
    from engram_discovery_etcd.messages import Event, WatchResponse

__all__ = ["WatchStream"]

_SILENCE = 1.25
_PATIENCE = 3.0


class WatchStream:
    """The events of a key, or of all that begin alike, from one revision on. Made by ``open``, closed by ``aclose``."""

    def __init__(self, connection: Connection, call: Any, revision: int, silence: float | None) -> None:
        self.connection = connection
        self._call = call
        self._revision = revision
        self._silence = silence
        self._reading: asyncio.Task[WatchResponse] | None = None
        connection.hold()

    @classmethod
    async def open(cls, one: Try, start: bytes, revision: int) -> WatchStream:
        """Start a watch of all keys under ``start``, and return when etcd has confirmed it.

        Args:
            one: Where and by when.
            start: What the keys begin with.
            revision: The first revision to report; the member must have reached it.

        Raises:
            EtcdError: etcd refused.
        """
        create = WatchCreateRequest(
            key=start,
            range_end=folder_end(start),
            start_revision=revision,
            progress_notify=True,
            fragment=True,
        )
        return await cls._open(one, create, _SILENCE)

    @classmethod
    async def open_key(cls, one: Try, key: bytes, revision: int) -> WatchStream:
        """Start a watch of one key without progress requests, where the caller detects a dead connection itself.

        Args:
            one: Where and by when.
            key: The key.
            revision: The first revision to report; may lie in the future.

        Raises:
            EtcdError: etcd refused.
        """
        return await cls._open(one, WatchCreateRequest(key=key, start_revision=revision), None)

    @classmethod
    async def _open(cls, one: Try, create: WatchCreateRequest, silence: float | None) -> WatchStream:
        call = one.connection.stubs.watch(metadata=one.metadata)
        stream = cls(one.connection, call, create.start_revision, silence)
        try:
            await stream._call.write(WatchRequest(create_request=create))
            await stream._response(one.timeout)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def events(self) -> list[Event]:
        """Wait for the next events, and return those that belong together.

        Raises:
            EtcdError: The watch is over: compacted, cancelled, leaderless, silent, or cut.
        """
        events: list[Event] = []
        while True:
            response = await self._next_response()
            events.extend(response.events)
            if events and not response.fragment:
                return events

    async def aclose(self) -> None:
        """End the stream. Idempotent."""
        if self._call is None:
            return
        self._call.cancel()
        self._call = None
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self.connection.release()

    async def _next_response(self) -> WatchResponse:
        try:
            return await self._response(self._silence)
        except TimeoutError:
            progress = WatchRequest(progress_request=WatchProgressRequest())
        try:
            await self._call.write(progress)
            return self._up_to_date(await self._response(_PATIENCE))
        except TimeoutError:
            text = f"no sign of life for {_SILENCE + _PATIENCE:g} s"
            raise EtcdError(text, FailureKind.TIMEOUT, elsewhere=True) from None
        except grpc.aio.AioRpcError as error:
            failure = translate(error)
        raise failure

    def _up_to_date(self, response: WatchResponse) -> WatchResponse:
        """Return the response, unless its member is behind where the watch began: it was wiped, or cut off."""
        reached = response.header.revision
        if reached < self._revision:
            text = f"it answers from the past: revision {reached}, was {self._revision}"
            raise EtcdError(text, FailureKind.BAD_DATA, elsewhere=True)
        return response

    async def _response(self, within: float | None) -> WatchResponse:
        """Return the next response.

        Raises:
            TimeoutError: There was none. The next call waits for the same one.
            EtcdError: The watch is over.
        """
        # a read that is cancelled takes the stream with it, so it runs in a task that outlives our patience
        self._reading = self._reading or asyncio.create_task(self._call.read())
        done, _ = await asyncio.wait({self._reading}, timeout=within)
        if not done:
            raise TimeoutError
        reading, self._reading = self._reading, None
        return _checked(reading)


def _checked(reading: asyncio.Task[WatchResponse]) -> WatchResponse:
    error = reading.exception()
    if isinstance(error, grpc.aio.AioRpcError):
        raise translate(error)
    response = reading.result()
    if response is grpc.aio.EOF:
        raise EtcdError("etcd ended the watch", FailureKind.UNAVAILABLE, elsewhere=True)
    if response.compact_revision:
        raise watch_ended(f"required revision has been compacted at {response.compact_revision}")
    if response.canceled:
        raise watch_ended(response.cancel_reason)
    return response
