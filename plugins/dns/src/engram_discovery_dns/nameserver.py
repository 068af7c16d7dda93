"""Talk to one name server: UDP first, TCP when the answer does not fit.

The UDP socket is connected, so that a closed port is noticed at once. It serves all questions of one round,
with random ids, and is closed with it, so that each round has a port of its own. Answers that were cut short
are never handed on: over UDP they are fetched again over TCP, over TCP (more than 64 KiB) they are an error.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from engram_discovery.address import format_address
from engram_discovery_dns.wire import CnameError, MalformedError

if TYPE_CHECKING:
    from engram_discovery.address import Address
    from engram_discovery_dns.wire import Answer, Query

__all__ = ["GarbageError", "Nameserver", "TruncatedError"]

_LARGEST_DATAGRAM = 65535


class GarbageError(TimeoutError):
    """In all the time given, something came, but no answer to the question."""


class TruncatedError(Exception):
    """The whole answer cannot be had: over TCP it is cut too, or TCP does not work."""


class Nameserver:
    """One name server during one round of look-ups.

    Args:
        address: IP address and port.

    Attributes:
        failures: How often it failed to answer in this round.
    """

    def __init__(self, address: Address) -> None:
        self.failures = 0
        self._address = address
        self._socket: socket.socket | None = None
        self._waiting: dict[int, tuple[Query, asyncio.Future[Answer]]] = {}
        self._given_up: set[int] = set()
        self._garbage = False

    def __str__(self) -> str:
        return format_address(self._address)

    async def ask(self, query: Query, timeout: float, deadline: float) -> Answer:
        """Ask once: ``timeout`` seconds at most for UDP and for TCP each, and no longer than ``deadline``.

        Raises:
            TimeoutError: Nothing came.
            GarbageError: Something came over UDP, but no answer to the question.
            MalformedError: What came over TCP is no answer to the question.
            CnameError: The answer leads nowhere.
            TruncatedError: Only a part of the answer can be had.
            OSError: The server cannot be reached.
        """
        now = asyncio.get_running_loop().time
        answer = await self._over_udp(query, min(timeout, deadline - now()))
        if not answer.truncated:
            return answer
        try:
            answer = await self._over_tcp(query, min(timeout, deadline - now()))
        except TimeoutError:
            raise TimeoutError("truncated over UDP, no answer over TCP") from None
        if answer.truncated:
            raise TruncatedError("more than 64 KiB: truncated over TCP")
        return answer

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def _over_udp(self, query: Query, timeout: float) -> Answer:
        ident = secrets.randbelow(1 << 16)
        while ident in self._waiting:
            ident = secrets.randbelow(1 << 16)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[ident] = (query, future)
        try:
            self._open().send(query.encode(ident))
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            self._given_up.add(ident)
            if self._garbage:
                raise GarbageError("no DNS message that answers the question") from None
            raise TimeoutError("no answer") from None
        finally:
            del self._waiting[ident]

    def _open(self) -> socket.socket:
        if self._socket is None:
            family = socket.AF_INET6 if ":" in self._address.host else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.settimeout(0)
            asyncio.get_running_loop().add_reader(self._socket, self._receive)
            self._socket.connect(self._address)
        return self._socket

    def _receive(self) -> None:
        """Hand what has come to those who wait; pass over what is forged or broken."""
        while self._socket is not None:
            try:
                wire = self._socket.recv(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(error)
                return
            self._take(wire)

    def _take(self, wire: bytes) -> None:
        ident = int.from_bytes(wire[:2])
        query, future = self._waiting.get(ident, (None, None))
        if query is None or future is None or future.done():
            self._garbage |= ident not in self._given_up  # else it is merely late
            return
        try:
            future.set_result(query.decode(ident, wire))
        except MalformedError:
            self._garbage = True
        except CnameError as error:
            future.set_exception(error)

    def _fail(self, error: OSError) -> None:
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(type(error)(*error.args))

    async def _over_tcp(self, query: Query, timeout: float) -> Answer:
        ident = secrets.randbelow(1 << 16)
        message = query.encode(ident)
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(*self._address)
            try:
                writer.write(len(message).to_bytes(2) + message)
                length = int.from_bytes(await reader.readexactly(2))
                return query.decode(ident, await reader.readexactly(length))
            except asyncio.IncompleteReadError:
                raise ConnectionResetError("connection closed in the middle of an answer") from None
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
