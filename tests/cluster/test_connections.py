"""Clients that dawdle, never read, or come in crowds, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from engram_discovery.http.middleware import ConnectionLimits
from engram_discovery.http.server import HttpServer, bind_socket
from engram_discovery.network.address import Address
from engram_discovery.testing import RecordingLogger

REQUEST = b"GET /livez HTTP/1.1\r\nHost: n1\r\n\r\n"
LARGE = 32 * 1024 * 1024
QUICK = ConnectionLimits(seconds=0.5)


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Answer everything at once: with much at ``/large``, with little elsewhere."""
    del receive
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Served:
    """A server under test."""

    port: int
    log: RecordingLogger

    async def connect(self, source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))

    async def probe(self, source: str = "127.0.0.1") -> int:
        """Ask like a kubelet: a connection of its own."""
        transport = httpx.AsyncHTTPTransport(local_address=source)
        async with httpx.AsyncClient(transport=transport, timeout=10) as client:
            return (await client.get(f"http://127.0.0.1:{self.port}/livez")).status_code


@asynccontextmanager
async def serving(bounds: ConnectionLimits) -> AsyncIterator[Served]:
    log = RecordingLogger()
    listener = bind_socket(Address("127.0.0.1", 0), "test")
    port = listener.getsockname()[1]
    server = HttpServer(answering, listener, logger=log, limits=bounds)
    server.start()
    try:
        yield Served(port, log)
    finally:
        await server.aclose()


async def closed(reader: asyncio.StreamReader) -> float:
    """Return the seconds until the server closes the connection, and read away what it sends."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(20):
            while await reader.read(65536):
                pass
    except ConnectionResetError:
        pass
    return time.monotonic() - start


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send one byte after the other for ever, as slow loris does."""
    try:
        for byte in data:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)
    except ConnectionError:
        pass


async def test_a_request_that_comes_byte_by_byte_is_cut_off() -> None:
    """Each byte buys no more time: headers that take for ever do not hold a connection."""
    async with serving(QUICK) as served, asyncio.TaskGroup() as group:
        reader, writer = await served.connect()
        dripping = group.create_task(drip(writer, b"GET /" + b"a" * 1000))

        seconds = await closed(reader)

        dripping.cancel()
        writer.close()
    assert 0.3 < seconds < 10


async def test_a_body_that_comes_byte_by_byte_is_cut_off() -> None:
    """The answer is out already, and what still drips in buys no more time."""
    request = b"POST /livez HTTP/1.1\r\nHost: n1\r\nContent-Length: 1000\r\n\r\n"
    async with serving(QUICK) as served, asyncio.TaskGroup() as group:
        reader, writer = await served.connect()
        writer.write(request)
        dripping = group.create_task(drip(writer, b"a" * 1000))

        seconds = await closed(reader)

        dripping.cancel()
        writer.close()
    assert seconds < 10


async def test_a_silent_client_is_cut_off() -> None:
    """A connection without any request ends too."""
    async with serving(QUICK) as served:
        reader, writer = await served.connect()

        assert await closed(reader) < 10

        writer.close()


async def test_a_client_that_never_reads_is_cut_off() -> None:
    """What it does not take does not lie in our memory for ever."""
    async with serving(QUICK) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /large HTTP/1.1\r\nHost: n1\r\n\r\n")
        await asyncio.sleep(3)

        received = 0
        try:
            while chunk := await reader.read(65536):
                received += len(chunk)
        except ConnectionResetError:
            pass

        assert received < LARGE
        writer.close()


async def test_a_client_that_reads_slowly_but_within_bounds_gets_all() -> None:
    """A large answer is not cut while it is read."""
    async with serving(ConnectionLimits(seconds=20)) as served, httpx.AsyncClient(timeout=30) as client:
        received = 0
        async with client.stream("GET", f"http://127.0.0.1:{served.port}/large") as answer:
            async for chunk in answer.aiter_bytes(4 * 1024 * 1024):
                received += len(chunk)
                await asyncio.sleep(0.02)

    assert received == LARGE


async def test_a_connection_may_be_kept_for_request_after_request() -> None:
    """Each request has the whole time, however old the connection."""
    async with serving(ConnectionLimits(seconds=3)) as served:
        reader, writer = await served.connect()
        for _ in range(4):
            await asyncio.sleep(0.9)
            writer.write(REQUEST)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(2) == b"xx"
        writer.close()


async def test_a_crowd_from_one_address_stops_no_probe_from_another() -> None:
    """The crowd's oldest are cut, a connection of somebody else is kept, and the log names the address."""
    async with serving(ConnectionLimits(connections=20)) as served:
        other, other_writer = await served.connect("127.0.0.3")
        crowd = [await served.connect("127.0.0.2") for _ in range(60)]

        statuses = [await served.probe() for _ in range(5)]
        other_writer.write(REQUEST)
        still_served = await asyncio.wait_for(other.readuntil(b"\r\n\r\n"), 10)

        assert statuses == [200] * 5
        assert still_served.startswith(b"HTTP/1.1 200")
        cut = [reader for reader, _ in crowd[:40] if await closed(reader) < 5]
        assert len(cut) == 40
        for _, writer in [*crowd, (other, other_writer)]:
            writer.close()
    told = [event.facts for event in served.log.events if event.event == "http.connection_limit_reached"]
    assert told[0]["addr"] == "127.0.0.2"
    assert 2 <= len(told) <= 7


async def test_closing_waits_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Clients that dawdle or never read do not hold up the end of the server, and are no error in its log."""
    async with serving(ConnectionLimits(seconds=60)) as served:
        _, dawdling = await served.connect()
        dawdling.write(b"GET /li")
        _, blind = await served.connect()
        blind.write(b"GET /large HTTP/1.1\r\nHost: n1\r\n\r\n")
        await asyncio.sleep(0.3)
        start = time.monotonic()
    seconds = time.monotonic() - start

    assert seconds < 10
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    dawdling.close()
    blind.close()
