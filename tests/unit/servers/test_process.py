"""The control of server processes that the tests with real servers stand on."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.build import MissingServerError, find
from tests.servers.process import ServerProcess, free_port

ECHO = """\
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("serving", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b"here")
    connection.close()
"""


async def answer(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


class Echo(ServerProcess):
    """A server that says ``here`` to whoever connects."""

    def __init__(self, directory: Path, program: str = ECHO) -> None:
        self.port = free_port()
        command = [sys.executable, "-c", program, str(self.port)]
        super().__init__(command, log=directory / "echo.log", ready=self._answers_us, start_within=5)

    async def _answers_us(self) -> bool:
        return await answer(self.port) == b"here"


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[Echo]:
    async with Echo(tmp_path) as server:
        yield server


async def test_it_answers_once_started_and_is_gone_once_stopped(tmp_path: Path) -> None:
    """Entering waits for the first answer; leaving ends the process."""
    async with Echo(tmp_path) as server:
        said = await answer(server.port)

    assert said == b"here"
    assert not server.running


async def test_a_frozen_server_keeps_its_port_and_says_nothing(echo: Echo) -> None:
    """SIGSTOP: connections are taken by the kernel, no byte comes; after SIGCONT it answers."""
    echo.pause()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await answer(echo.port)
    echo.resume()

    assert await answer(echo.port) == b"here"


async def test_a_frozen_server_can_be_stopped(echo: Echo) -> None:
    """A test that forgets to thaw it does not hang."""
    echo.pause()

    await echo.stop()

    assert not echo.running


async def test_a_killed_server_starts_again_on_its_port(echo: Echo) -> None:
    """SIGKILL, then the same command."""
    first = echo.pid
    echo.kill()
    gone = echo.running
    await echo.start()

    assert not gone
    assert echo.pid != first
    assert echo.output().count("serving") == 2


async def test_a_server_that_dies_at_once_shows_its_output(tmp_path: Path) -> None:
    """The error holds what it printed: nobody has to look for a log."""
    with pytest.raises(RuntimeError, match="no such option"):
        await Echo(tmp_path, "import sys; sys.exit('no such option')").start()


def test_a_missing_server_fails_the_test() -> None:
    """And says how to build it. There is no skipping."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", "/nonexistent")
        patch.setenv("PATH", "/nonexistent")
        with pytest.raises(MissingServerError, match=r"python -m tests\.servers\.build coredns"):
            find("coredns")
