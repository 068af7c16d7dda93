"""Run a real server as a process that the test owns: start, wait for, stop, freeze, kill and restart it.

It is ended by its process id, whatever becomes of the test. Its output goes to a file and is printed when it
is closed; pytest shows it only where the test failed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["ServerProcess", "free_port", "wait_until"]

_SHOWN_LINES = 60
#: Below the range of outgoing connections (Linux: 32768 and up, ip_local_port_range).
_PORTS = range(10_000, 32_000)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that is free for TCP and for UDP at this moment.

    It is none that the kernel gives to outgoing connections: one of those could take it before its server does, and
    one that knocks at it while its server is away could be connected to itself (TCP's simultaneous open).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in random.sample(_PORTS, 50):
        with (
            socket.socket(family, socket.SOCK_STREAM) as tcp,
            socket.socket(family, socket.SOCK_DGRAM) as udp,
        ):
            try:
                tcp.bind((host, port))
                udp.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no port on {host} is free for both TCP and UDP")


async def wait_until(
    condition: Callable[[], Awaitable[bool]], *, within: float, what: str, every: float = 0.02
) -> None:
    """Ask ``condition`` again and again until it is true.

    Raises:
        TimeoutError: It was not true after ``within`` seconds; names ``what``.
    """
    deadline = time.monotonic() + within
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within:g} s")
        await asyncio.sleep(every)


class ServerProcess:
    """One server process; an asynchronous context manager that starts it and ends it.

    Args:
        command: Program and arguments.
        log: File that keeps its output, over restarts.
        ready: Tells whether it answers; asked until it does. May raise ``OSError`` while it does not.
        environment: Variables beyond those of the test's own process.
        start_within: Seconds after which a start has failed.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], Awaitable[bool]],
        environment: Mapping[str, str] | None = None,
        start_within: float = 20.0,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._ready = ready
        self._environment = dict(environment or {})
        self._start_within = start_within
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        lines = self.output().splitlines()[-_SHOWN_LINES:]
        print(f"--- last output of {self.command[0]}", *lines, sep="\n")

    @property
    def running(self) -> bool:
        """Whether the process lives, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id.

        Raises:
            RuntimeError: It is not running.
        """
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.command[0]} is not running:\n{self.output()}")
        return self._process.pid

    def output(self) -> str:
        """Return all that it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: It ended at once.
            TimeoutError: It did not answer in time. It is no longer running then.
        """
        self._spawn()
        try:
            await self.wait_ready()
        except BaseException:
            self.kill()
            raise

    async def wait_ready(self) -> None:
        """Wait until it answers; see ``start``."""
        await wait_until(self._answers, within=self._start_within, what=f"{self.command[0]} answers")

    async def stop(self, within: float = 10.0) -> None:
        """Ask it to end (SIGTERM), then kill it; thaw it first. Does nothing if it is not running."""
        if not self.running:
            return
        self.resume()
        os.kill(self.pid, signal.SIGTERM)
        try:
            await wait_until(self._has_ended, within=within, what=f"{self.command[0]} ends")
        except TimeoutError:
            self.kill()

    async def restart(self) -> None:
        """Stop it and start it again on the same data."""
        await self.stop()
        await self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it keeps its sockets and answers nothing. Returns when it is frozen."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Thaw it (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it without warning (SIGKILL) and wait until it is gone. Does nothing if it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
                env={**os.environ, **self._environment},
            )

    async def _answers(self) -> bool:
        self.pid  # noqa: B018  raises, with the output, if it has ended
        try:
            return await self._ready()
        except OSError:
            return False

    async def _has_ended(self) -> bool:
        return not self.running
