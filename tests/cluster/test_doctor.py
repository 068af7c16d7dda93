"""``engram-discovery doctor --probe`` beside real servers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.consul import Consul
from tests.servers.etcd import Etcd

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]


async def test_a_real_etcd_and_consul_are_asked(tmp_path: Path) -> None:
    """Plugins load, sources answer and checks pass: exit status 0, and nothing worse than that nobody is listed."""
    async with Etcd(tmp_path / "etcd") as etcd, Consul(tmp_path / "consul") as consul:
        file = tmp_path / "engram.toml"
        file.write_text(
            '[cluster]\nenabled = true\ndiscovery = ["etcd", "consul"]\n'
            'network = {swim_bind = "127.0.0.1:7946", api_bind = "127.0.0.1:50051"}\n'
            f'etcd = {{endpoints = ["{etcd.endpoint}"]}}\nconsul = {{addr = "{consul.addr}"}}\n'
        )
        command = [sys.executable, "-m", "engram_discovery", "doctor", "--probe", "--json", "-c", str(file)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120)

    found = {one["subject"]: one for one in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert {name: found[name]["severity"] for name in ("plugin etcd", "plugin consul", "check etcd")} == {
        "plugin etcd": "ok",
        "plugin consul": "ok",
        "check etcd": "ok",
    }
    for name in ("etcd", "consul"):
        assert found[f"source {name}"]["severity"] == "warning", done.stdout
        assert "first node" in found[f"source {name}"]["remedy"]
