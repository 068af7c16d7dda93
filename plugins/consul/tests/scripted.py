"""A server that answers with the bytes of a test, for what no real Consul says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

#: Given the request line, writes an answer.
Script = Callable[[str, asyncio.StreamWriter], Any]


def answer(body: object = (), *, status: str = "200 OK", index: str | None = "7", head: str = "") -> bytes:
    """Write an HTTP answer; a body that is no bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    index_line = "" if index is None else f"X-Consul-Index: {index}\r\n"
    return f"HTTP/1.1 {status}\r\n{index_line}{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def entry(number: int, **service: Any) -> dict[str, Any]:
    """Make an entry of the health API, of about the size of a real one."""
    return {
        "Node": {
            "ID": f"{number:036}",
            "Node": f"agent-{number}",
            "Address": "192.0.2.7",
            "Datacenter": "dc1",
        },
        "Service": {
            "ID": f"engram-{number}",
            "Service": "engram",
            "Address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            "Port": 7946,
            "Tags": ["engram"],
            "Meta": {"node_id": f"n{number}", "generation": "1", "cluster": "c"},
            **service,
        },
        "Checks": [{"Name": "serf", "Status": "passing"}],
    }


class Agent:
    """What was asked, and where to ask."""

    def __init__(self) -> None:
        self.addr = ""
        self.requests: list[str] = []
        self.sockets = 0


async def _finished(script: Awaitable[None], reader: asyncio.StreamReader) -> bool:
    """Run a script to its end, or until the client is gone."""
    work, gone = asyncio.ensure_future(script), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        return work.done() and work.exception() is None
    finally:
        work.cancel()
        gone.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Agent]:
    """Serve HTTP/1.1 with keep-alive; ``script`` writes each answer, and may be a coroutine function."""
    agent = Agent()
    serving: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        agent.sockets += 1
        task = asyncio.current_task()
        assert task
        serving.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                agent.requests.append(head.decode())
                waiting = script(head.decode().partition("\r\n")[0], writer)
                if waiting is not None and not await _finished(waiting, reader):
                    return
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        finally:
            agent.sockets -= 1
            serving.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    agent.addr = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield agent
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
