"""Islands in network namespaces: a namespace for every node, a bridge for every island, a link between the bridges.

Nothing of it touches the machine's own network. Needs root, iproute2 and nftables; all of it goes with the test.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import secrets
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.node_processes import Node

GOSSIP_PORT, API_PORT = 7946, 8080

_CLONE_NEWNET = 0x40000000


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
    """Bridges with a link from each to the next, in a namespace of their own.

    Args:
        count: How many.
        made: Removes, when it closes, every namespace that was made.
    """

    def __init__(self, count: int, made: ExitStack) -> None:
        self._count = count
        self._made = made
        self._name = f"engram-{secrets.token_hex(3)}"
        self._machines = 0
        self._switch = self._add_namespace("switch")
        for island in range(count):
            self._link("add", f"island{island}", "type", "bridge")
            self._link("set", f"island{island}", "up")
        for left, right in itertools.pairwise(range(count)):
            self._link("add", f"east{left}", "type", "veth", "peer", "name", f"west{right}")
            self._link("set", f"east{left}", "master", f"island{left}", "up")
            self._link("set", f"west{right}", "master", f"island{right}", "up")

    def add(self, island: int = 0) -> Namespace:
        """Make a machine, with an address that no other one had."""
        self._machines += 1
        number = self._machines
        machine = Namespace(self._add_namespace(str(number)), f"10.77.{island}.{number}")
        port = f"port{number}"
        self._link("add", port, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
        self._link("set", port, "master", f"island{island}", "up")
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

    def _add_namespace(self, name: str) -> str:
        whole = f"{self._name}-{name}"
        run("ip", "netns", "add", whole)
        self._made.callback(run, "ip", "netns", "delete", whole)
        return whole

    def _set_links(self, state: str) -> None:
        for island in range(self._count - 1):
            self._link("set", f"east{island}", state)

    def _link(self, *arguments: str) -> None:
        run("ip", "-n", self._switch, "link", *arguments)


@contextmanager
def make_islands(count: int = 1) -> Iterator[Islands]:
    """Make islands, and remove them and their machines."""
    with ExitStack() as made:
        yield Islands(count, made)


@dataclass
class MachineNode(Node):
    """A node on a machine of its own."""

    machine: Namespace = field(kw_only=True)

    @property
    def prefix(self) -> list[str]:
        return self.machine.enter()

    def connect(self) -> socket.socket:
        """Open a connection over the machine's loopback, which no fault on ``eth0`` reaches."""
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
