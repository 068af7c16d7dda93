"""A real Prometheus: it finds the nodes through ``/cluster/sd``, scrapes them, and evaluates our alert rules.

Its clock cannot be moved, so the rules are evaluated with seconds for their minutes; with the minutes they are tested
by ``promtool test rules``.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import free_port
from tests.servers.requirements import find_program
from tests.support.node_processes import wait_until

OPS = Path(__file__).parents[2] / "ops" / "prometheus"


def program(name: str) -> str:
    """Find a program of Debian's package ``prometheus``; its absence fails the test."""
    return str(find_program("prometheus", name))


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Call its API and return the data."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[float]:
        """Evaluate an expression now."""
        return [float(series["value"][1]) for series in self.ask("query", query=expression)["result"]]

    def up(self) -> set[str]:
        """Return the addresses of the targets that answer."""
        targets = self.ask("targets")["activeTargets"]
        return {target["labels"]["instance"] for target in targets if target["health"] == "up"}

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {a["labels"]["alertname"] for a in self.ask("alerts")["alerts"] if a["state"] == "firing"}


@contextmanager
def prometheus(folder: Path, nodes: list[str]) -> Iterator[Prometheus]:
    """Run a Prometheus with our rules that is told of these nodes' URLs and of nothing else."""
    server = program("prometheus")
    folder.mkdir()
    rules = (OPS / "alerts.yml").read_text()
    (folder / "alerts.yml").write_text(re.sub(r"\b(\d+)m\b", r"\1s", rules))
    (folder / "prometheus.yml").write_text(_config(nodes))
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        running = Prometheus(f"http://{address}")
        wait_until(lambda: _is_ready(running.url), 30, f"Prometheus is ready; see {folder / 'log'}")
        yield running
    finally:
        process.terminate()
        process.wait(20)
        print(f"--- log of Prometheus\n{(folder / 'log').read_text()[-3000:]}")


def _config(nodes: list[str]) -> str:
    """Take the configuration that we ship, with these nodes, and with seconds between two looks."""
    config = (OPS / "prometheus.yml").read_text()
    listed = "".join(f"      - url: {url}/cluster/sd\n        refresh_interval: 1s\n" for url in nodes)
    head, rest = config.split("    http_sd_configs:\n")
    _, tail = rest.split("    relabel_configs:\n")
    interval = "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
    return f"{interval}{head}    http_sd_configs:\n{listed}    relabel_configs:\n{tail}"


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
