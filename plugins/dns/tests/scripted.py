"""A name server that says what a test tells it to: for answers that no real server gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import dns.flags
import dns.message
import dns.rrset

from engram_discovery.network.address import Address
from tests.servers.process import free_port

#: From a question to the datagrams (or messages over TCP) that answer it. None of them is silence; over TCP,
#: silence closes the connection, and ``None`` leaves it open.
Script = Callable[[dns.message.Message], Sequence[bytes] | None]


def reply(
    query: dns.message.Message,
    *records: str,
    additional: Sequence[str] = (),
    rcode: int = 0,
    truncated: bool = False,
) -> bytes:
    """Return a correct answer with records in master file syntax: ``"n1.test. 5 IN A 10.0.0.1"``."""
    message = dns.message.make_response(query)
    message.set_rcode(rcode)  # type: ignore[arg-type]  # dnspython takes an int too
    if truncated:
        message.flags |= dns.flags.TC
    for section, lines in ((message.answer, records), (message.additional, additional)):
        for line in lines:
            name, ttl, family, kind, data = line.split(maxsplit=4)
            rrset = dns.rrset.from_text(name, int(ttl), family, kind, data)
            for rdata in rrset:
                message.find_rrset(section, rrset.name, rrset.rdclass, rrset.rdtype, create=True).add(
                    rdata, rrset.ttl
                )
    return message.to_wire(max_size=65535)


@asynccontextmanager
async def serve(udp: Script, tcp: Script | None = None) -> AsyncIterator[Address]:
    """Answer on a free loopback port; without ``tcp`` nothing listens there."""
    port = free_port()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Udp(udp), local_addr=("127.0.0.1", port)
    )
    connections = _Tcp(tcp) if tcp else None
    server = await asyncio.start_server(connections, "127.0.0.1", port) if connections else None
    try:
        yield Address("127.0.0.1", port)
    finally:
        transport.close()
        if server is not None and connections is not None:
            server.close()
            await asyncio.gather(*connections.open)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, script: Script) -> None:
        self._script = script

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for datagram in self._script(dns.message.from_wire(data)) or ():
            self._transport.sendto(datagram, addr)


class _Tcp:
    def __init__(self, script: Script) -> None:
        self.open: set[asyncio.Task[Any]] = set()
        self._script = script

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(cast("asyncio.Task[Any]", asyncio.current_task()))
        length = int.from_bytes(await reader.readexactly(2))
        messages = self._script(dns.message.from_wire(await reader.readexactly(length)))
        if messages is None:
            await reader.read()
        for message in messages or ():
            writer.write(len(message).to_bytes(2) + message)
        writer.close()
        await writer.wait_closed()
