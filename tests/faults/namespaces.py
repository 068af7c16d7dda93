"""Islands in network namespaces: a namespace for every node, a bridge for every island, a link between the bridges.

Nothing of it touches the machine's own network. Needs root, iproute2 and nftables; all of it goes with the test.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.cluster.nodes import Node

GOSSIP_PORT, API_PORT = 7946, 8080

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count()


@dataclass(frozen=True)
class Namespace:
    """A machine with one address on ``eth0``."""

    name: str
    address: str

    def enter(self) -> list[str]:
        """Return the command that runs a command in here."""
        return ["ip", "netns", "exec", self.name]

    def connect(self, host: str, port: int, timeout: float = 5) -> socket.socket:
        """Open a TCP connection from in here; a socket stays where it was made."""
        with ThreadPoolExecutor(1) as thread:
            made = thread.submit(self._socket).result()
        made.settimeout(timeout)
        try:
            made.connect((host, port))
        except OSError:
            made.close()
            raise
        return made

    def drop(self, hook: str, match: str = "") -> None:
        """Drop, and count, the packets on ``eth0`` that match, at the nft hook ``input`` or ``output``."""
        side = "iifname" if hook == "input" else "oifname"
        rules = f"""
            table inet {hook} {{
                chain {hook} {{
                    type filter hook {hook} priority 0; policy accept;
                    {side} "eth0" {match} counter drop
                }}
            }}
        """
        run(*self.enter(), "nft", "-f", "-", stdin=rules)

    def lose(self, percent: int) -> None:
        """Lose that share of all packets that arrive, at random."""
        self.drop("input", f"numgen random mod 100 < {percent}")

    def dropped(self) -> int:
        """Return how many packets the rules have dropped."""
        listed = json.loads(run(*self.enter(), "nft", "-j", "list", "ruleset"))["nftables"]
        expressions = [part for entry in listed if "rule" in entry for part in entry["rule"]["expr"]]
        return sum(part["counter"]["packets"] for part in expressions if "counter" in part)

    def restore(self) -> None:
        """Drop no more."""
        run(*self.enter(), "nft", "flush", "ruleset")

    def _socket(self) -> socket.socket:
        # Only this thread enters, and it ends here.
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{self.name}").open() as file:
            if libc.setns(file.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter {self.name}")
        return socket.socket()


class Islands:
    """Bridges with a link from each to the next; a context manager that removes what it made."""

    def __init__(self, count: int = 1) -> None:
        self._count = count
        self._name = f"engram-{os.getpid()}-{next(_numbers)}"
        self._switch = f"{self._name}-switch"
        self._machines: list[Namespace] = []

    def __enter__(self) -> Self:
        run("ip", "netns", "add", self._switch)
        try:
            for island in range(self._count):
                self._link("add", f"island{island}", "type", "bridge")
                self._link("set", f"island{island}", "up")
            for left, right in itertools.pairwise(range(self._count)):
                self._link("add", f"east{left}", "type", "veth", "peer", "name", f"west{right}")
                self._link("set", f"east{left}", "master", f"island{left}", "up")
                self._link("set", f"west{right}", "master", f"island{right}", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in [*(machine.name for machine in self._machines), self._switch]:
            run("ip", "netns", "delete", name)

    def add(self, island: int = 0) -> Namespace:
        """Make a machine, with an address that no other one had."""
        number = len(self._machines) + 1
        machine = Namespace(f"{self._name}-{number}", f"10.77.{island}.{number}")
        run("ip", "netns", "add", machine.name)
        self._machines.append(machine)
        self._link(
            "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", machine.name
        )  # fmt: skip
        self._link("set", f"port{number}", "master", f"island{island}", "up")
        run("ip", "-n", machine.name, "address", "add", f"{machine.address}/16", "dev", "eth0")
        for link in ("lo", "eth0"):
            run("ip", "-n", machine.name, "link", "set", link, "up")
        return machine

    def cut(self) -> None:
        """Take the links between the islands down."""
        self._set_links("down")

    def mend(self) -> None:
        """Take the links between the islands up again."""
        self._set_links("up")

    def crossed(self) -> int:
        """Return how many packets have gone from an island to the next one."""
        shown: list[dict[str, Any]] = json.loads(run("ip", "-n", self._switch, "-j", "-s", "link"))
        return sum(link["stats64"]["tx"]["packets"] for link in shown if link["ifname"].startswith("east"))

    def _set_links(self, state: str) -> None:
        for island in range(self._count - 1):
            self._link("set", f"east{island}", state)

    def _link(self, *arguments: str) -> None:
        run("ip", "-n", self._switch, "link", *arguments)


@dataclass
class MachineNode(Node):
    """A node on a machine of its own."""

    machine: Namespace | None = None

    @property
    def prefix(self) -> list[str]:
        assert self.machine
        return self.machine.enter()

    def connect(self) -> socket.socket:
        """Open a connection over the machine's loopback, which no fault on ``eth0`` reaches."""
        assert self.machine
        return self.machine.connect("127.0.0.1", self.api_port)

    def move(self, machine: Namespace) -> None:
        """Let the next start be on another machine, with the same id and the same data."""
        self.machine = machine
        self.host = machine.address
        self.overrides["cluster.network.swim_bind"] = self.gossip


def node_on(machine: Namespace, node_id: str, folder: Path, settings: str, **overrides: str) -> MachineNode:
    """Make a node that gossips on a machine's address and serves HTTP on all of them."""
    return MachineNode(
        node_id,
        machine.address,
        folder / node_id,
        GOSSIP_PORT,
        API_PORT,
        settings,
        {"cluster.network.api_bind": f"0.0.0.0:{API_PORT}", **overrides},
        machine=machine,
    )


def run(*command: str, stdin: str = "") -> str:
    """Run a system command and return what it printed; its complaint is the failure."""
    ended = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
    return ended.stdout
