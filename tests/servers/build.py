"""Build the real servers that the tests run against: ``python -m tests.servers.build NAME… | --all``.

Each server is a Go module here: ``<name>/go.mod`` with the server as a tool, ``go.sum`` to verify its build.
It is built once into a cache outside the checkout and found again by its version; a server of that version on
the PATH is used as it is. Jobs build what they need by ``python -m tests.servers.prepare``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.servers.cache import cache_directory, one_at_a_time
from tests.servers.golang import Version, go_version, provide_go
from tests.servers.progress import CommandError, report, run_shown
from tests.servers.requirements import MissingServerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SERVERS", "MissingServerError", "Server", "find"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server and how it is built.

    Attributes:
        name: Directory of its Go module.
        module: Go module whose version in ``go.mod`` is the server's version; None for a program of our own,
            which is built each time (Go keeps what has not changed).
        packages: Go package to build, by the name of the program that it becomes.
        ask_version: Arguments by which its first program prints its version.
    """

    name: str
    module: str | None
    packages: Mapping[str, str]
    ask_version: tuple[str, ...] = ("--version",)

    @property
    def version(self) -> str:
        """The version that ``go.mod`` asks for, without the leading v."""
        if self.module is None:
            return "local"
        wanted = re.search(rf"{re.escape(self.module)} v(\S+)", self.read_module())
        if wanted is None:
            raise MissingServerError(f"{self.name}/go.mod does not require {self.module}")
        return wanted[1]

    @property
    def directory(self) -> Path:
        """Where the built programs are kept."""
        return cache_directory() / f"{self.name}-{self.version}"

    def read_module(self) -> str:
        """Return the text of ``go.mod``."""
        return (_HERE / self.name / "go.mod").read_text()


#: Every server that can be built, by name.
SERVERS: Mapping[str, Server] = MappingProxyType(
    {
        server.name: server
        for server in (
            Server(
                name="coredns",
                module="github.com/coredns/coredns",
                packages={"coredns": "github.com/coredns/coredns"},
                ask_version=("-version",),
            ),
            Server(
                name="consul",
                module="github.com/hashicorp/consul",
                packages={"consul": "github.com/hashicorp/consul"},
                ask_version=("version",),
            ),
            Server(
                name="etcd",
                module="go.etcd.io/etcd/server/v3",
                packages={"etcd": "go.etcd.io/etcd/server/v3", "etcdctl": "go.etcd.io/etcd/etcdctl/v3"},
            ),
            Server(
                name="serf",
                module="github.com/hashicorp/serf",
                packages={"serf": "github.com/hashicorp/serf/cmd/serf"},
                ask_version=("version",),
            ),
            Server(
                name="toxiproxy",
                module="github.com/Shopify/toxiproxy/v2",
                packages={"toxiproxy-server": "github.com/Shopify/toxiproxy/v2/cmd/server"},
                ask_version=("-version",),
            ),
            Server(name="godns", module=None, packages={"godns": "."}),
        )
    }
)


def find(name: str, program: str | None = None) -> Path:
    """Return the path of a built server.

    Args:
        name: A key of ``SERVERS``.
        program: Which of its programs; by default the first.

    Raises:
        MissingServerError: It has not been built. A test lets this escape: a missing server is a failure.
    """
    server = SERVERS[name]
    program = program or next(iter(server.packages))
    built = server.directory / program
    if built.is_file():
        return built
    installed = shutil.which(program)
    if installed is not None and _has_version(server):
        return Path(installed)
    raise MissingServerError(
        f"{program} {server.version} is not there; build it with: python -m tests.servers.build {name}"
    )


def build(server: Server) -> Path:
    """Build a server unless it is already there. One build runs at a time on a machine, at low priority.

    Returns:
        The path of its first program.

    Raises:
        CommandError: The build failed, or Go could not be installed.
    """
    with one_at_a_time():
        try:
            there = find(server.name)
        except MissingServerError:
            there = None
        if there is not None and server.module is not None:
            report(f"{server.name} {server.version}: {there}")
            return there
        started = time.monotonic()
        _build_into(server, provide_go(_newest_go()))
        path = find(server.name)
        megabytes = sum(file.stat().st_size for file in server.directory.iterdir()) / 1e6
        seconds = time.monotonic() - started
        report(f"{server.name} {server.version}: built in {seconds:.0f} s, {megabytes:.0f} MB: {path}")
        return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.build", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SERVERS))
    parser.add_argument("--all", action="store_true", help="build every server")
    options = parser.parse_args(arguments)
    names = list(SERVERS) if options.all else options.names
    if not names or not SERVERS.keys() >= set(names):
        parser.error(f"name servers of these, or --all: {', '.join(SERVERS)}")
    try:
        for name in names:
            build(SERVERS[name])
    except CommandError as error:
        report(f"error: {error}")
        return 1
    return 0


def _build_into(server: Server, go: Path) -> None:
    """Build into a directory of its own and move it into place: a cut build leaves nothing half done."""
    scratch = Path(tempfile.mkdtemp(dir=cache_directory(), prefix=f".{server.name}-"))
    try:
        for program, package in server.packages.items():
            _run_build(server, go, package, scratch / program)
        scratch.chmod(0o755)
        shutil.rmtree(server.directory, ignore_errors=True)
        scratch.rename(server.directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_build(server: Server, go: Path, package: str, output: Path) -> None:
    # -trimpath and -s -w leave out paths and debug symbols: two thirds of the size
    command: list[str | Path] = [
        go,
        "build",
        "-mod=readonly",
        "-trimpath",
        "-ldflags=-s -w",
        "-o",
        output,
        package,
    ]
    run_shown(
        ["nice", "-n", "10", *command],
        f"{server.name} {server.version}: building {package}",
        cwd=_HERE / server.name,
        environment={"GOTOOLCHAIN": "local"},
    )


def _newest_go() -> Version:
    """Return the Go that the most demanding server asks for: one Go builds all of them."""
    return max(go_version(server.read_module()) for server in SERVERS.values())


def _has_version(server: Server) -> bool:
    program = next(iter(server.packages))
    return re.search(rf"\b{re.escape(server.version)}\b", _output([program, *server.ask_version])) is not None


def _output(command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> str:
    result = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=10, check=False
    )
    return result.stdout + result.stderr


if __name__ == "__main__":
    sys.exit(main())
