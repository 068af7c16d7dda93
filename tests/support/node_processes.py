"""Real ``engram-discovery run`` processes for tests: started, asked over HTTP, killed, always ended by their pid."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.process import free_port

POLL = 0.05


def wait_until(happened: Callable[[], Any], timeout: float, what: str) -> Any:
    """Poll until something is truthy, and return it; fail with what it was that did not happen."""
    deadline = time.monotonic() + timeout
    while True:
        value = happened()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(POLL)


@dataclass
class Node:
    """One node process and how to start it again.

    Where it runs and how it is reached are for a subclass to change: ``prefix`` and ``connect``.
    """

    node_id: str
    host: str
    folder: Path
    gossip_port: int
    api_port: int
    settings: str
    overrides: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def gossip(self) -> str:
        return f"{self.host}:{self.gossip_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.api_port}"

    @property
    def prefix(self) -> list[str]:
        """The command that runs its command."""
        return []

    def connect(self) -> socket.socket:
        """Open a connection to its HTTP port."""
        return socket.create_connection((self.host, self.api_port), timeout=5)

    def is_listening(self) -> bool:
        """Tell whether the gossip port is open: the process has started."""
        with socket.socket() as knocking:
            return knocking.connect_ex((self.host, self.gossip_port)) == 0

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log events of a name."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def start(self) -> Node:
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "engram.toml"
        config.write_text(self.settings)
        overrides = {
            "cluster.node_id": self.node_id,
            "cluster.data_dir": str(self.folder / "data"),
            "cluster.network.swim_bind": self.gossip,
            "cluster.network.api_bind": f"{self.host}:{self.api_port}",
            **self.overrides,
        }
        command = [*self.prefix, sys.executable, "-m", "engram_discovery", "run", "--config", str(config)]
        command += self.arguments
        for key, value in overrides.items():
            command += ["--set", f"{key}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )
        return self

    def get(self, path: str) -> tuple[int, Any] | None:
        """Ask the node; None while it does not answer."""
        http_client = http.client.HTTPConnection(self.host, self.api_port)
        try:
            http_client.sock = self.connect()
            http_client.request("GET", path)
            answer = http_client.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            http_client.close()
        return status, json.loads(body) if path != "/metrics" else body.decode()

    def states(self) -> dict[str, str]:
        answer = self.get("/cluster/nodes")
        return {member["id"]: member["state"] for member in answer[1]} if answer else {}

    def explanation(self) -> dict[str, Any]:
        """Return what it tells of its sources and of whom it has not joined; nothing while it does not answer."""
        answer = self.get("/cluster/discovery")
        return answer[1] if answer else {}

    def status(self) -> str | None:
        answer = self.get("/cluster/health")
        return answer[1]["status"] if answer else None

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 20) -> int:
        """Ask it to leave and return its exit status; one that hangs, or whose provider leaves tasks, is a failure."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.node_id} did not stop within {timeout:g} s") from None
        assert self.events("plugin.tasks_leaked") == []
        return status

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()


def seeds_table(seeds: list[str], head: str = "") -> str:
    """Write settings with a static seed list."""
    listed = ", ".join(f'"{seed}"' for seed in seeds)
    return f'[cluster]\nenabled = true\nname = "test"\n{head}\n[cluster.static]\nseed_nodes = [{listed}]\n'


@contextmanager
def running(nodes: Sequence[Node]) -> Iterator[None]:
    """Start nodes, and end them whatever happens; their logs are shown if the test fails."""
    try:
        for node in nodes:
            node.start()
        yield
    except BaseException:
        for node in nodes:
            print(f"--- log of {node.node_id}\n{node.log[-6000:]}")
        raise
    finally:
        for node in nodes:
            node.end()


def make_nodes(folder: Path, count: int, head: str = "", **overrides: str) -> list[Node]:
    """Make nodes on 127.0.0.1, 127.0.0.2 … that share one static seed list."""
    hosts = [f"127.0.0.{number + 1}" for number in range(count)]
    ports = [(free_port(host), free_port(host)) for host in hosts]
    seeds = [f"{host}:{gossip}" for host, (gossip, _) in zip(hosts, ports, strict=True)]
    return [
        Node(f"n{i}", hosts[i], folder / f"n{i}", *ports[i], seeds_table(seeds, head), dict(overrides))
        for i in range(count)
    ]


def all_see(nodes: Sequence[Node], expected: dict[str, str]) -> Callable[[], bool]:
    """Make a condition: every one of these nodes shows exactly these states."""
    return lambda: all(node.states() == expected for node in nodes)
