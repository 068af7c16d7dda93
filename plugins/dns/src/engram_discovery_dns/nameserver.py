"""One exchange with one name server, stricter than dnspython's own.

dnspython's asynchronous UDP does not connect its socket, so that a closed port is noticed only when all time
is used up; and it hands on what came over TCP with the TC bit set as if it were the whole answer.
"""

from __future__ import annotations

import asyncio

import dns.exception
import dns.message
import dns.nameserver

from engram_discovery.address import format_address

__all__ = ["GarbageError", "StrictNameserver", "TruncatedOverTcpError"]

#: Answers longer than this are parsed in a thread: a thousand records take tens of milliseconds.
_PARSED_INLINE = 4096


class TruncatedOverTcpError(dns.exception.FormError):
    """The answer does not fit into a DNS message of 64 KiB: what came is not all."""


class GarbageError(dns.exception.FormError):
    """Something came from the server, but no answer to our question."""


class StrictNameserver(dns.nameserver.Do53Nameserver):
    """A name server asked over connected sockets; see the module's text."""

    def __str__(self) -> str:
        return format_address((self.address, self.port))

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,
        source: str | None,
        source_port: int,
        max_size: bool,  # noqa: FBT001  dnspython's signature
        backend: object,
        one_rr_per_rrset: bool = False,  # noqa: FBT001, FBT002  dnspython's signature
        ignore_trailing: bool = False,  # noqa: FBT001, FBT002  dnspython's signature
    ) -> dns.message.Message:
        """Ask once, over TCP if ``max_size``, else over UDP. Takes ``timeout`` seconds at most.

        Raises:
            dns.exception.DNSException: Timeout, truncation, or garbage.
            OSError: The server cannot be reached.
        """
        del source, source_port, backend, one_rr_per_rrset, ignore_trailing
        exchange = self._over_tcp if max_size else self._over_udp
        try:
            return await exchange(request, timeout)
        except TimeoutError:
            raise dns.exception.Timeout(timeout=timeout) from None  # type: ignore[no-untyped-call]

    async def _over_udp(self, request: dns.message.QueryMessage, timeout: float) -> dns.message.Message:
        transport, exchange = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Exchange(request), remote_addr=(self.address, self.port)
        )
        try:
            transport.sendto(request.to_wire())
            async with asyncio.timeout(timeout):
                return await exchange.answer
        except TimeoutError:
            if exchange.garbage:
                raise GarbageError from None
            raise
        finally:
            transport.close()

    async def _over_tcp(self, request: dns.message.QueryMessage, timeout: float) -> dns.message.Message:
        async with asyncio.timeout(timeout):
            answer = await _parse(await self._fetch(request))
        if not request.is_response(answer):
            raise GarbageError
        return answer

    async def _fetch(self, request: dns.message.QueryMessage) -> bytes:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            writer.write(request.to_wire(prepend_length=True))
            length = int.from_bytes(await reader.readexactly(2))
            return await reader.readexactly(length)
        finally:
            writer.close()


class _Exchange(asyncio.DatagramProtocol):
    """Waits for the answer to one request; everything else that comes (forged, broken) is passed over."""

    def __init__(self, request: dns.message.QueryMessage) -> None:
        self.answer: asyncio.Future[dns.message.Message] = asyncio.get_running_loop().create_future()
        self.garbage = False
        self._request = request

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr  # the socket is connected: it can only be the server's
        try:
            answer = _read(data)
        except dns.message.Truncated as error:
            if self._request.is_response(error.message()):  # type: ignore[no-untyped-call]
                self._fail(error)
            return
        except GarbageError:
            self.garbage = True
            return
        if not self._request.is_response(answer):
            self.garbage = True
        elif not self.answer.done():
            self.answer.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        self._fail(exc)

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def _read(wire: bytes) -> dns.message.Message:
    try:
        return dns.message.from_wire(wire, raise_on_truncation=True)
    except dns.message.Truncated:
        raise
    except Exception as error:  # whatever these bytes do to the parser, they are garbage
        raise GarbageError from error


async def _parse(wire: bytes) -> dns.message.Message:
    try:
        return _read(wire) if len(wire) <= _PARSED_INLINE else await asyncio.to_thread(_read, wire)
    except dns.message.Truncated:
        raise TruncatedOverTcpError from None
