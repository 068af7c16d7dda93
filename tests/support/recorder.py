"""A relay in front of a node's gossip port that keeps what it relays, so that real traffic can be replayed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Self

Address = tuple[str, int]


class Recorder:
    """Relays UDP and TCP from one port to a node's real gossip port and keeps the newest messages of each."""

    def __init__(self, listen: Address, target: Address) -> None:
        self._listen = listen
        self._target = target
        self.datagrams: deque[bytes] = deque(maxlen=500)
        self.streams: deque[bytes] = deque(maxlen=100)
        self._relays: dict[Address, socket.socket] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Receiver(self._from_peer), local_addr=self._listen
        )
        self._tcp = await asyncio.start_server(self._stream, *self._listen)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._tcp.close()
        self._udp.close()
        for relay in self._relays.values():
            asyncio.get_running_loop().remove_reader(relay)
            relay.close()

    def _from_peer(self, data: bytes, peer: Address) -> None:
        self.datagrams.append(data)
        if peer not in self._relays:
            self._relays[peer] = self._open_relay(peer)
        with contextlib.suppress(OSError):  # the node is not up yet, or gone: the datagram is lost
            self._relays[peer].send(data)

    def _open_relay(self, peer: Address) -> socket.socket:
        relay = socket.socket(type=socket.SOCK_DGRAM)
        relay.setblocking(False)
        relay.connect(self._target)

        def back() -> None:
            with contextlib.suppress(OSError):
                self._udp.sendto(relay.recv(65536), peer)

        asyncio.get_running_loop().add_reader(relay, back)
        return relay

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            node_reader, node_writer = await asyncio.open_connection(*self._target)
        except OSError:  # the node is not up yet, or gone: to its peers it refuses
            writer.transport.abort()
            return
        await asyncio.gather(
            self._copy(reader, node_writer, keep=True),
            self._copy(node_reader, writer, keep=False),
            return_exceptions=True,
        )
        for end in (writer, node_writer):
            end.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        kept = b""
        while data := await reader.read(65536):
            kept += data
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        if keep and kept:
            self.streams.append(kept)


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)
