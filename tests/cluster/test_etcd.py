"""Real node processes that find each other through etcd."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.etcd import Etcd
from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

ALIVE = {"n0": "alive", "n1": "alive", "n2": "alive"}
TTL = 8


@contextmanager
def etcd_running(folder: Path) -> Iterator[Etcd]:
    """Run an etcd for a test that is not asynchronous."""
    server = Etcd(folder)
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())


def etcd_nodes(folder: Path, etcd: Etcd) -> list[Node]:
    nodes = make_nodes(folder, 3, **{"cluster.health.interval": "1s"})
    for node in nodes:
        node.settings = (
            '[cluster]\nenabled = true\nname = "test"\ndiscovery = "etcd"\n[cluster.join]\nheal_interval = "2s"\n'
            f'[cluster.etcd]\nendpoints = ["{etcd.endpoint}"]\nttl = "{TTL}s"\n'
        )
    return nodes


def keys(etcd: Etcd) -> set[str]:
    return set(asyncio.run(etcd.ctl("get", "/engram/test/", "--prefix", "--keys-only")).split())


def key(*numbers: int) -> set[str]:
    return {f"/engram/test/n{number}" for number in numbers}


def test_three_nodes_find_each_other_and_their_keys_follow_them(tmp_path: Path) -> None:
    """All see all; a killed node's key goes after the TTL, a stopped node's at once, and no node loses the others."""
    with etcd_running(tmp_path / "etcd") as etcd:
        nodes = etcd_nodes(tmp_path, etcd)
        with running(nodes):
            wait_until(all_see(nodes, ALIVE), 40, "all three see three alive")
            wait_until(lambda: keys(etcd) == key(0, 1, 2), 20, "three keys")

            nodes[2].kill()
            wait_until(lambda: keys(etcd) == key(0, 1), TTL + 15, "the killed node's key is gone")

            assert nodes[1].stop() == 0
            assert keys(etcd) == key(0)
            assert nodes[0].stop() == 0
            assert keys(etcd) == set()


def test_etcd_down_and_wiped_costs_no_member(tmp_path: Path) -> None:
    """Without etcd for longer than the TTL the nodes go on; on an empty disk it gets all keys back."""
    with etcd_running(tmp_path / "etcd") as etcd:
        nodes = etcd_nodes(tmp_path, etcd)
        with running(nodes):
            wait_until(all_see(nodes, ALIVE), 40, "all three see three alive")
            wait_until(lambda: keys(etcd) == key(0, 1, 2), 20, "three keys")

            etcd.kill()
            etcd.wipe()
            gone = threading.Event()
            gone.wait(TTL + 2)
            wait_until(all_see(nodes, ALIVE), 20, "all three still see three alive")
            asyncio.run(etcd.start())
            wait_until(lambda: keys(etcd) == key(0, 1, 2), 45, "three keys again")
            wait_until(all_see(nodes, ALIVE), 20, "all three see three alive in the end")

            assert [node.stop() for node in nodes] == [0, 0, 0]


def test_discover_shows_what_etcd_has(tmp_path: Path) -> None:
    """``discover --provider etcd`` asks once, and needs no node."""
    with etcd_running(tmp_path / "etcd") as etcd:
        asyncio.run(etcd.ctl("put", "/engram/engram/n7", '{"Op":0,"Addr":"10.0.0.7:7946"}'))
        command = [
            *[sys.executable, "-m", "engram_discovery", "discover", "--provider", "etcd", "--json"],
            *["--set", f"cluster.etcd.endpoints={etcd.endpoint}"],
        ]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert shown.returncode == 0, shown.stderr
    assert '"10.0.0.7"' in shown.stdout
