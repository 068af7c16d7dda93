"""The examples, run as their users would run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.process import free_port
from tests.support.node_processes import all_see, make_nodes, running, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"


def get(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def test_a_web_service_is_a_member_as_long_as_it_runs(tmp_path: Path) -> None:
    """Its own route sees the peers, the cluster's routes are there, and stopping it leaves the cluster."""
    (node,) = make_nodes(tmp_path, 1)
    gossip, port = free_port("127.0.0.8"), free_port("127.0.0.8")
    config = tmp_path / "service.toml"
    config.write_text(
        f'[cluster]\nenabled = true\nname = "test"\nnode_id = "web"\n[cluster.static]\nseed_nodes = ["{node.gossip}"]\n'
        f'[cluster.network]\nswim_bind = "127.0.0.8:{gossip}"\napi_bind = "127.0.0.8:{port}"\n'
    )
    environment = {**os.environ, "ENGRAM_CONFIG": str(config)}
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "asgi_service:app"]
    with running([node]):
        wait_until(all_see([node], {"n0": "alive"}), 20, "the node runs")
        service = subprocess.Popen(
            [*command, "--host", "127.0.0.8", "--port", str(port), "--log-level", "warning"], env=environment
        )
        try:
            url = f"http://127.0.0.8:{port}"
            wait_until(
                lambda: get(f"{url}/peers") == [f"127.0.0.1:{node.api_port}"], 20, "the service sees the node"
            )
            health = get(f"{url}/cluster/health")
            service.send_signal(signal.SIGTERM)
            status = service.wait(20)
        finally:
            service.kill()
            service.wait()
        wait_until(all_see([node], {"n0": "alive", "web": "left"}), 10, "the service has left")

    assert (health["status"], health["alive_nodes"]) == ("healthy", 2)
    assert status in {0, -signal.SIGTERM}  # uvicorn raises the signal again when it has closed


def test_a_database_starts_single_or_in_a_cluster(tmp_path: Path) -> None:
    """The settings decide; an error in them is one message."""
    (node,) = make_nodes(tmp_path, 1)
    command = [sys.executable, str(EXAMPLES / "engram_startup.py")]
    config = tmp_path / "engram.toml"
    said = []
    with running([node]):
        wait_until(all_see([node], {"n0": "alive"}), 20, "the node runs")
        cluster = (
            '[cluster]\nenabled = true\nname = "test"\nnode_id = "db"\n'
            f'[cluster.static]\nseed_nodes = ["{node.gossip}"]\n'
            f'[cluster.network]\nswim_bind = "127.0.0.8:{free_port("127.0.0.8")}"\n'
        )
        for text in ("[cluster]\nenabled = false\n", cluster):
            config.write_text(text)
            database = subprocess.Popen([*command, str(config)], stdout=subprocess.PIPE, text=True)
            try:
                assert database.stdout
                said.append(database.stdout.readline())
                database.send_signal(signal.SIGTERM)
                assert database.wait(20) == 0
            finally:
                database.kill()
                database.communicate()
    config.write_text("[cluster]\nenabled = maybe\n")
    wrong = subprocess.run([*command, str(config)], capture_output=True, text=True, timeout=30)

    assert said == ["single node\n", "node db: 2 members, 2 replicas\n"]
    assert wrong.returncode == 1
    assert "engram.toml" in wrong.stderr
    assert "Traceback" not in wrong.stderr
