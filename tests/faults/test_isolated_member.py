"""One of three etcd members cut off without a word, while nodes watch and are registered through it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.build import find
from tests.support.namespaces import MachineNode, Namespace, make_islands, node_on, run
from tests.support.node_processes import all_see, running, wait_until

CLIENTS, PEERS = 2379, 2380
TTL = 6.0


@pytest.fixture
def machines() -> Iterator[list[Namespace]]:
    """Five machines: three for etcd, two for nodes."""
    with make_islands() as island:
        yield [island.add() for _ in range(5)]


@pytest.fixture
def members(machines: list[Namespace], tmp_path: Path) -> Iterator[list[Namespace]]:
    """An etcd member on each of the first three machines."""
    homes = machines[:3]
    everybody = ",".join(f"m{i}=http://{home.address}:{PEERS}" for i, home in enumerate(homes))
    with ExitStack() as stack:
        for number, home in enumerate(homes):
            clients, peers = f"http://{home.address}:{CLIENTS}", f"http://{home.address}:{PEERS}"
            log = stack.enter_context((tmp_path / f"m{number}.log").open("wb"))
            command = [
                *home.enter(),
                str(find("etcd")),
                f"--name=m{number}",
                f"--data-dir={tmp_path / f'm{number}'}",
                f"--listen-client-urls={clients},http://127.0.0.1:{CLIENTS}",
                f"--advertise-client-urls={clients}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster={everybody}",
                "--log-level=error",
            ]
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
        wait_until(lambda: all(map(serves, homes)), 30, "three members serve")
        yield homes


def etcdctl(member: Namespace, *arguments: str) -> str:
    return run(*member.enter(), str(find("etcd", "etcdctl")), *arguments)


def serves(member: Namespace) -> bool:
    command = [*member.enter(), str(find("etcd", "etcdctl")), "endpoint", "health", "--command-timeout=1s"]
    return subprocess.run(command, capture_output=True, timeout=20).returncode == 0


def peers_known(node: MachineNode) -> int:
    explanation = node.get("/cluster/discovery")
    return explanation[1]["sources"][0]["count"] if explanation else 0


def registration(node: MachineNode) -> str:
    metrics = node.get("/metrics")
    lines = metrics[1].splitlines() if metrics else []
    return next(
        (line for line in lines if line.startswith("engram_registration_state{") and line.endswith(" 1.0")),
        "",
    )


def test_an_isolated_member_loses_nothing(
    machines: list[Namespace], members: list[Namespace], tmp_path: Path
) -> None:
    """News come through another member within seconds, both nodes stay registered, and nobody is dropped."""
    endpoints = ", ".join(f'"{member.address}:{CLIENTS}"' for member in members)
    settings = (
        '[cluster]\nenabled = true\nname = "test"\ndiscovery = "etcd"\n'
        f'[cluster.etcd]\nendpoints = [{endpoints}]\nttl = "{TTL:g}s"\n'
    )
    nodes = [node_on(machine, f"n{i}", tmp_path, settings) for i, machine in enumerate(machines[3:])]
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 30, "both see two alive")
        wait_until(
            lambda: all('"registered"' in registration(node) for node in nodes), 20, "both are registered"
        )
        wait_until(lambda: all(peers_known(node) == 2 for node in nodes), 20, "both know both")
        sockets = run(*nodes[0].machine.enter(), "ss", "-tn").replace(
            "]", ""
        )  # gRPC writes IPv4 as [::ffff:…]
        connected = [member for member in members if f"{member.address}:{CLIENTS}" in sockets]

        for hook in ("input", "output"):
            connected[0].drop(hook)
        other = next(member for member in members if member is not connected[0])
        wait_until(lambda: serves(other), 20, "the other two have a leader")
        etcdctl(other, "put", "/engram/test/n2", '{"Op":0,"Addr":"10.77.0.99:7946","Metadata":{}}')
        told = time.monotonic()
        wait_until(lambda: all(peers_known(node) == 3 for node in nodes), 20, "both know the third")
        elapsed = time.monotonic() - told

        time.sleep(2 * TTL)  # longer than the lease: who was not renewed elsewhere is gone by now

        assert elapsed < 10, elapsed
        assert connected[0].dropped() > 0
        keys = etcdctl(other, "get", "/engram/test/", "--prefix", "--keys-only").split()
        assert sorted(keys) == ["/engram/test/n0", "/engram/test/n1", "/engram/test/n2"]
        assert all(node.states() == {"n0": "alive", "n1": "alive"} for node in nodes)
        assert all(peers_known(node) == 3 for node in nodes)
        print(f"the watch went on elsewhere after {elapsed:.1f} s")
