"""``members --watch`` and ``health --watch`` beside a node that is killed."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until

COMMAND = [sys.executable, "-m", "engram_discovery"]


@contextmanager
def watching(output: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that never ends by itself, until the test is done with it."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Node]]:
    nodes = make_nodes(tmp_path, 2)
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 20, "both see two alive")
        yield nodes


def test_the_live_table_follows_on_a_terminal(pair: list[Node]) -> None:
    """One table, redrawn: the killed node turns dead, the end of the queried node is shown, Ctrl-C is clean."""
    ours, theirs = pty.openpty()
    shown = ""

    def shows(text: str) -> bool:
        nonlocal shown
        while select.select([ours], [], [], 0)[0]:
            shown += os.read(ours, 65536).decode(errors="replace")
        return text in shown

    with watching(theirs, "members", "--watch", "--url", pair[0].url) as process:
        wait_until(lambda: shows("n1") and shows("alive"), 60, "the table shows both")
        pair[1].kill()
        wait_until(lambda: shows("dead"), 60, "the table shows the dead one")
        pair[0].kill()
        wait_until(lambda: shows("cannot reach"), 60, "the node that was asked is missed")
        process.send_signal(signal.SIGINT)
        status = wait_until(lambda: process.poll() is not None and [process.returncode], 30, "it ends")
    os.close(ours)
    os.close(theirs)

    assert status == [0]
    assert "Traceback" not in shown


@pytest.mark.parametrize("command", ["members", "health"])
def test_programs_get_a_line_for_each_poll(pair: list[Node], tmp_path: Path, command: str) -> None:
    """Each line is the JSON body of that moment, or the reason for its absence."""
    output = tmp_path / "lines"
    with (
        output.open("wb") as file,
        watching(file.fileno(), command, "--watch", "--json", "--url", pair[0].url),
    ):
        wait_until(lambda: output.read_bytes().count(b"\n") >= 2, 20, "two looks")
        pair[0].kill()
        wait_until(lambda: b"cannot reach" in output.read_bytes(), 20, "the error")

    lines = [json.loads(line) for line in output.read_text().splitlines()]
    nodes = lines[0] if command == "members" else lines[0]["nodes"]
    assert [node["state"] for node in nodes] == ["alive", "alive"]
    assert "cannot reach" in lines[-1]["error"]


def test_a_log_file_gets_a_table_for_each_change_only(pair: list[Node], tmp_path: Path) -> None:
    """Seconds without a change print no line."""
    output = tmp_path / "lines"
    with output.open("wb") as file, watching(file.fileno(), "health", "--watch", "--url", pair[0].url):
        wait_until(lambda: b"2 of 2 alive" in output.read_bytes(), 20, "the first table")
        time.sleep(3)  # three polls of the same state
        tables = output.read_bytes().count(b"NODE")
        changes = pair[0].events("member.suspected") + pair[0].events("member.recovered")
        pair[1].kill()
        wait_until(lambda: b"1 dead" in output.read_bytes(), 30, "the table of the dead")

    assert tables <= 1 + len(changes)
