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
from typing import TYPE_CHECKING, TypeAlias

from engram_discovery.provider import format_address
from engram_discovery_dns.wire import CnameError, MalformedError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from engram_discovery.provider import Address
    from engram_discovery_dns.wire import Answer, Query

__all__ = ["GarbageError", "Nameserver", "Outcome", "TruncatedError"]

_LARGEST_DATAGRAM = 65535


#: What becomes of a question; see ``Nameserver.begin``.
Outcome: TypeAlias = "asyncio.Future[Answer | Exception]"
_Waiting: TypeAlias = "tuple[Query, Outcome, asyncio.TimerHandle]"


class GarbageError(TimeoutError):
    """In all the time given, something came, but no answer to the question."""


class TruncatedError(Exception):
    """The whole answer cannot be had: over TCP it is cut too, or TCP does not work."""


class Nameserver:
    """One name server during one lookup session.

    Args:
        address: IP address and port.

    Attributes:
        failures: How often it failed to answer in this round.
    """

    def __init__(self, address: Address) -> None:
        self.failures = 0
        self._address = address
        self._socket: socket.socket | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._expired: set[int] = set()
        self._garbage = False

    def __str__(self) -> str:
        return format_address(self._address)

    def begin(self, queries: Sequence[Query], timeout: float) -> list[Outcome]:
        """Send queries over UDP back to back, which costs less than one wake-up of the server for each.

        Returns:
            For each a future of the answer, or of the failure within ``timeout`` seconds. It never raises.
        """
        idents = _fresh(self._waiting, len(queries))
        wires = [self._expect(query, ident, timeout) for query, ident in zip(queries, idents, strict=True)]
        outcomes = [self._waiting[ident][1] for ident, _ in wires]
        for ident, wire in wires:
            try:
                self._open().send(wire)
            except OSError as error:
                self._settle(ident, error)
        return outcomes

    def _expect(self, query: Query, ident: int, timeout: float) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        self._waiting[ident] = (query, loop.create_future(), loop.call_later(timeout, self._expire, ident))
        return ident, query.encode(ident)

    async def finish(self, query: Query, outcome: Outcome, timeout: float) -> Answer:
        """Wait for what ``begin`` began; repeat over TCP, within ``timeout`` seconds, if the answer was truncated.

        Raises:
            TimeoutError: No answer arrived.
            GarbageError: Datagrams arrived, but none answers the query.
            MalformedError: The message over TCP does not answer the query.
            CnameError: The CNAME chain has no end.
            TruncatedError: The answer is truncated over TCP as well.
            OSError: The server cannot be reached.
        """
        answer = await outcome
        if isinstance(answer, Exception):
            raise answer
        if not answer.truncated:
            return answer
        try:
            answer = await self._over_tcp(query, timeout)
        except TimeoutError:
            raise TimeoutError("truncated over UDP, no answer over TCP") from None
        if answer.truncated:
            raise TruncatedError("more than 64 KiB: truncated over TCP")
        return answer

    def close(self) -> None:
        """Close the socket and drop unanswered queries."""
        for _, outcome, timer in self._waiting.values():
            timer.cancel()
            outcome.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            family = socket.AF_INET6 if ":" in self._address.host else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.settimeout(0)
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._receive)
            self._socket.connect(self._address)
        return self._socket

    def _receive(self) -> None:
        """Pass received answers to their queries; ignore forged and malformed datagrams."""
        while self._socket is not None:
            try:
                wire = self._socket.recv(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                for ident in tuple(self._waiting):
                    self._settle(ident, error)
                return
            self._take(wire)

    def _take(self, wire: bytes) -> None:
        ident = int.from_bytes(wire[:2])
        if ident not in self._waiting:
            self._garbage |= ident not in self._expired  # else it is a late answer
            return
        try:
            self._settle(ident, self._waiting[ident][0].decode(ident, wire))
        except MalformedError:
            self._garbage = True
        except CnameError as error:
            self._settle(ident, error)

    def _expire(self, ident: int) -> None:
        self._expired.add(ident)
        garbage = GarbageError("no DNS message that answers the query")
        self._settle(ident, garbage if self._garbage else TimeoutError("no answer"))

    def _settle(self, ident: int, result: Answer | Exception) -> None:
        _, outcome, timer = self._waiting.pop(ident)
        timer.cancel()
        if not outcome.done():
            outcome.set_result(result)

    async def _over_tcp(self, query: Query, timeout: float) -> Answer:
        (ident,) = _fresh((), 1)
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


def _fresh(taken: Container[int], count: int) -> list[int]:
    """Return random ids that are not taken, all different, with one call to the system for most of them."""
    idents: dict[int, None] = {}
    while len(idents) < count:
        drawn = secrets.token_bytes(2 * (count - len(idents)))
        numbers = (int.from_bytes(drawn[at : at + 2]) for at in range(0, len(drawn), 2))
        idents.update((number, None) for number in numbers if number not in taken)
    return list(idents)
