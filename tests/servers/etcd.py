"""A real etcd: one member or several, plain or with TLS, with users or without, new (3.6) or Debian's (3.4)."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.build import find
from tests.servers.process import ServerProcess, free_port
from tests.servers.requirements import find_program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

__all__ = ["DEBIAN", "Etcd", "Tls", "cluster", "debian_program", "new_program"]

_USERS = (
    "user add root:root",
    "user grant-role root root",
    "role add engram",
    "role grant-permission engram --prefix=true readwrite /engram/",
    "user add engram:secret-pw",
    "user grant-role engram engram",
    "user add idle:secret-pw",
    "auth enable",
)

DEBIAN = "etcd-server"
"""Debian's package of etcd 3.4."""


def new_program() -> Path:
    """Return the etcd that the test suite builds."""
    return find("etcd")


def debian_program() -> Path:
    """Return Debian's etcd.

    Raises:
        MissingServerError: It is not installed. A test lets this escape.
    """
    return find_program(DEBIAN)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files (PEM) for a member that speaks TLS.

    Attributes:
        cert_file: Its certificate.
        key_file: The key of that.
        client_ca_file: If set, clients must show a certificate of this authority.
    """

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    @property
    def flags(self) -> list[str]:
        """Return etcd's flags."""
        flags = [f"--cert-file={self.cert_file}", f"--key-file={self.key_file}"]
        if self.client_ca_file is not None:
            flags += ["--client-cert-auth", f"--trusted-ca-file={self.client_ca_file}"]
        return flags


class Etcd(ServerProcess):
    """One member.

    Args:
        directory: Where its data and log go.
        program: Which etcd; default: the one that the test suite builds.
        name: Its name in the cluster.
        members: Peer URLs of all members by name; default: it is alone.
        tls: Files for TLS to clients.
        flags: More flags.
        host: Address at which clients reach it.
        port: And port; default: a free one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        program: Path | None = None,
        name: str = "m0",
        members: dict[str, str] | None = None,
        tls: Tls | None = None,
        flags: Sequence[str] = (),
        host: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.host, self.port = host, port or free_port(host)
        self.data = directory / "data"
        self._tls = tls
        members = members or {name: f"http://127.0.0.1:{free_port()}"}
        command: list[str | Path] = [
            program or new_program(),
            f"--name={name}",
            f"--data-dir={self.data}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={members[name]}",
            f"--initial-advertise-peer-urls={members[name]}",
            f"--initial-cluster={','.join(f'{key}={url}' for key, url in members.items())}",
            "--logger=zap",
            "--log-level=error",
            *(tls.flags if tls else ()),
            *flags,
        ]
        super().__init__(command, log=directory / "etcd.log", ready=self._serves)

    @property
    def endpoint(self) -> str:
        """``host:port`` for clients."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The endpoint with its scheme."""
        return f"{'https' if self._tls else 'http'}://{self.endpoint}"

    def wipe(self) -> None:
        """Delete the data of a member that does not run."""
        shutil.rmtree(self.data)

    async def ctl(self, *arguments: str, flags: Sequence[str] = (), stdin: str = "") -> str:
        """Run etcdctl against this member, and return what it prints.

        Raises:
            RuntimeError: It failed.
        """
        result = await asyncio.to_thread(
            subprocess.run,
            [str(find("etcd", "etcdctl")), f"--endpoints={self.url}", *flags, *arguments],
            capture_output=True,
            input=stdin,
            text=True,
            timeout=20,
        )
        if result.returncode:
            raise RuntimeError(f"etcdctl {' '.join(arguments)}: {result.stderr}")
        return result.stdout

    async def enable_auth(self, flags: Sequence[str] = ()) -> None:
        """Ask for log-ins from now on.

        The users are root (password root), engram (secret-pw, may use /engram/) and idle (secret-pw, may do nothing).
        """
        for command in _USERS:
            await self.ctl(*command.split(), flags=flags)

    async def _serves(self) -> bool:
        """Whether it listens, and has elected: its log is not enough, and TLS hides the rest."""
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.close()
        if self._tls is not None:
            return True
        try:
            await self.ctl("endpoint", "health", "--command-timeout=1s")
        except RuntimeError as error:
            return "permission denied" in str(error) or "user name is empty" in str(error)
        return True


@asynccontextmanager
async def cluster(
    directory: Path, size: int = 3, *, program: Path | None = None, port: int | None = None
) -> AsyncIterator[list[Etcd]]:
    """Run a cluster of so many members, each at an address of its own; with a port, all at that one."""
    members = {f"m{number}": f"http://127.0.0.1:{free_port()}" for number in range(size)}
    async with AsyncExitStack() as stack:
        servers = [
            Etcd(
                directory / name,
                program=program,
                name=name,
                members=members,
                host=f"127.0.0.{number}",
                port=port,
            )
            for number, name in enumerate(members, start=1)
        ]
        for server in servers:
            stack.push_async_exit(server.__aexit__)
        async with asyncio.TaskGroup() as starting:  # none serves before most of them run
            for server in servers:
                starting.create_task(server.start())
        yield servers
        for server in servers:
            server.kill()  # one after the other they would wait for each other
