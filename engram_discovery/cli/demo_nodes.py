"""Real node processes on loopback, for ``engram-discovery demo``."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engram_discovery._text import comma_list
from engram_discovery.cli.node_client import NodeUnreachableError, fetch
from engram_discovery.defaults import DEMO_STOP_TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DemoNode", "start_nodes"]


@dataclass(slots=True)
class DemoNode:
    """One ``engram-discovery run`` process.

    Attributes:
        node_id: Its id.
        gossip: Its gossip address.
        url: Its API address.
        log: Where its standard error goes.
        process: The process.
    """

    node_id: str
    gossip: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def view(self) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
        """Return its members and its health, or None while it does not answer."""
        try:
            return fetch(self.url, "/cluster/nodes"), fetch(self.url, "/cluster/health")
        except NodeUnreachableError:
            return None

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as a crash would: SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Send SIGTERM, then SIGKILL if it has not stopped within 10 s. Blocks until it has."""
        if not self.running:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEMO_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()


def start_nodes(count: int, folder: Path) -> list[DemoNode]:
    """Start nodes on free ports of 127.0.0.1 that share one static seed list."""
    ports = _free_ports(2 * count)
    gossip = [f"127.0.0.1:{port}" for port in ports[:count]]
    api = [f"127.0.0.1:{port}" for port in ports[count:]]
    settings = folder / "engram.toml"
    seeds = comma_list(f'"{address}"' for address in gossip)
    settings.write_text(
        f'[cluster]\nenabled = true\nname = "demo"\n\n[cluster.static]\nseed_nodes = [{seeds}]\n',
        encoding="utf-8",
    )
    return [
        _start_node(f"node-{number + 1}", gossip[number], api[number], settings, folder)
        for number in range(count)
    ]


def _start_node(node_id: str, gossip: str, api: str, settings: Path, folder: Path) -> DemoNode:
    log = folder / f"{node_id}.log"
    overrides = {
        "cluster.node_id": node_id,
        "cluster.data_dir": str(folder / node_id),
        "cluster.network.swim_bind": gossip,
        "cluster.network.api_bind": api,
    }
    command = [sys.executable, "-m", "engram_discovery", "run", "--config", str(settings)]
    for key, value in overrides.items():
        command += ["--set", f"{key}={value}"]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)  # noqa: S603
    return DemoNode(node_id, gossip, f"http://{api}", log, process)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
