"""The first tutorial, step by step as it is written, on ports that are free here."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.support.node_processes import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial" / "first-cluster.md").read_text()
COMMAND = [sys.executable, "-m", "engram_discovery"]


class Reader:
    """Someone who follows the page in one folder.

    The ports of the page are replaced by free ones, so that the test runs beside other nodes of the machine.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"7946": str(free_port("127.0.0.1")), "50051": str(free_port("127.0.0.1"))}
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("ENGRAM_")}
        (folder / "engram.toml").write_text(self.here(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]))

    def here(self, text: str) -> str:
        """Return a text of the page with the ports of this run."""
        for written, free in self.ports.items():
            text = text.replace(written, free)
        return text

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it prints."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout + done.stderr

    def health(self) -> str:
        """Return the line that ``engram-discovery health`` prints first, as the first node sees the cluster."""
        shown = self.run("health", "--url", f"http://127.0.0.1:{self.ports['50051']}")
        return shown.partition("\n")[0]

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """Start a node by the command of the page, with a number in place of N."""
        written = re.findall(r"^\$ engram-discovery (run .*(?:\n    .*)*)", PAGE, re.MULTILINE)[0]
        line = self.here(written.replace("\\\n", " ")).replace("N", str(number))
        return subprocess.Popen(
            [*COMMAND, *shlex.split(line)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_every_step_shows_what_the_page_shows(reader: Reader) -> None:
    """Check, discover, three nodes, a kill, a return under the same id, and a graceful stop."""
    shown = re.findall(r"^\$ engram-discovery discover\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)[0]

    assert "Traceback" not in reader.run("config", "check")
    expected = [line.split() for line in reader.here(shown).splitlines()]
    assert [line.split() for line in reader.run("discover").splitlines()][: len(expected)] == expected

    with ExitStack() as running:
        nodes = {}
        for number in (1, 2, 3):
            nodes[number] = reader.start(number)
            running.callback(ended, nodes[number])
        wait_until(lambda: reader.health() == "healthy: 3 of 3 alive", 60, "three alive")
        assert "healthy: 3 of 3 alive" in PAGE

        nodes[3].kill()
        nodes[3].wait()
        wait_until(lambda: reader.health() == "degraded: 2 of 3 alive, 1 dead", 60, "one dead")
        assert "degraded: 2 of 3 alive, 1 dead" in PAGE

        nodes[3] = reader.start(3)
        running.callback(ended, nodes[3])
        wait_until(lambda: reader.health() == "healthy: 3 of 3 alive", 60, "back under its old id")

        nodes[3].send_signal(signal.SIGINT)
        assert nodes[3].wait(30) == 0
        url = f"http://127.0.0.1:{reader.ports['50051']}"
        wait_until(lambda: re.search(r"n3 .*left", reader.run("members", "--url", url)), 30, "n3 has left")
