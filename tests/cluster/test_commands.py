"""The commands against running nodes, as a person or a script would use them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.support import file_registry
from tests.support.node_processes import (
    Node,
    all_see,
    make_nodes,
    running,
    seeds_table,
    wait_until,
)


def command(*arguments: str, status: int = 0, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a command and check its exit status; a traceback is never right."""
    ended = subprocess.run(
        [sys.executable, "-m", "engram_discovery", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert "Traceback" not in ended.stderr
    assert ended.returncode == status, (ended.stdout, ended.stderr)
    return ended


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    nodes = make_nodes(tmp_path_factory.mktemp("pair"), 2)
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 20, "both see two alive")
        yield nodes


def test_members_prints_a_table_and_json(pair: list[Node]) -> None:
    """The table holds every node; the JSON is the body of /cluster/nodes."""
    table = command("members", "--url", pair[0].url).stdout
    shown = json.loads(command("members", "--url", pair[0].url, "--json").stdout)

    assert pair[0].gossip in table
    assert pair[1].gossip in table
    assert [m["id"] for m in shown] == ["n0", "n1"]


def test_health_has_exit_statuses(pair: list[Node]) -> None:
    """0 when healthy, 1 when no node answers, 2 for wrong usage."""
    healthy = command("health", "--url", pair[0].url)
    unreachable = command("health", "--url", f"http://127.0.0.1:{free_port()}", status=1)
    as_json = json.loads(
        command("health", "--url", f"http://127.0.0.1:{free_port()}", "--json", status=1).stdout
    )

    assert healthy.stdout.startswith("healthy: 2 of 2 alive")
    assert "cannot reach" in unreachable.stderr
    assert as_json["status"] == "unreachable"
    command("health", "--no-such-option", status=2)


def test_health_shows_the_registration(tmp_path: Path) -> None:
    """The state of the record in a registry, and that it was registered again after a removal."""
    nodes, registry = file_registry.make_cluster(tmp_path, 1)
    with running(nodes):
        record = registry / "records" / "n0"
        wait_until(record.exists, 20, "the node is registered")
        record.unlink()
        wait_until(record.exists, 20, "the node is registered again")
        wait_until(
            lambda: re.search(
                r"file_registry +registered +\d s +1 ", command("health", "--url", nodes[0].url).stdout
            ),
            20,
            "the table of registrations",
        )


def test_explain_describes_the_state_of_joining(pair: list[Node]) -> None:
    """A sentence a line for people, the structure for programs; the address may be given without its scheme."""
    lines = command("explain", "--url", pair[0].url.removeprefix("http://")).stdout.splitlines()

    assert lines[0].startswith("this node (n0, ")
    assert lines[1].startswith("  static found 2")
    assert json.loads(command("explain", "--url", pair[0].url, "--json").stdout)["sources"]


def test_discover_asks_without_joining(pair: list[Node], tmp_path: Path) -> None:
    """The seeds are printed with their source; the nodes see no new member."""
    config = tmp_path / "engram.toml"
    config.write_text(pair[0].settings)

    answer = json.loads(command("discover", "--config", str(config), "--json").stdout)
    table = command("discover", "--config", str(config)).stdout

    assert (answer["outcome"], answer["complete"]) == ("found", True)
    assert [(e["host"], e["port"], e["source"]) for e in answer["endpoints"]] == [
        ("127.0.0.1", pair[0].gossip_port, "static"),
        ("127.0.0.2", pair[1].gossip_port, "static"),
    ]
    assert str(pair[1].gossip_port) in table
    assert pair[0].states() == {"n0": "alive", "n1": "alive"}


def test_discover_watch_streams_changes(tmp_path: Path) -> None:
    """An endpoint a line as it comes, and a clean end on Ctrl-C."""
    config = tmp_path / "engram.toml"
    config.write_text('[cluster]\nenabled = true\n[cluster.static]\nseed_nodes = ["127.0.0.1:1"]\n')
    watching = subprocess.Popen(
        [sys.executable, "-m", "engram_discovery", "discover", "--watch", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stdout
        line = watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, complaints = watching.communicate(timeout=20)
    finally:
        watching.kill()
        watching.communicate()

    assert line == "+ 127.0.0.1:1 (static)\n"
    assert (watching.returncode, "Traceback" in complaints) == (0, False)


def test_discover_without_seeds_is_empty_not_an_error(tmp_path: Path) -> None:
    """An empty result is an answer: exit status 0."""
    config = tmp_path / "engram.toml"
    config.write_text("[cluster]\nenabled = true\n")

    assert json.loads(command("discover", "--config", str(config), "--json").stdout)["outcome"] == "empty"


def test_plugins_lists_the_installed_ones() -> None:
    """The static provider is there in a bare installation."""
    assert "static" in command("plugins").stdout
    listed = json.loads(command("plugins", "--json").stdout)
    assert any(plugin["name"] == "static" for plugin in listed)


def test_help_names_every_command() -> None:
    """``--help`` alone leads a new user to every command."""
    text = command("--help").stdout

    for name in ("run", "demo", "discover", "members", "health", "explain", "plugins", "config", "keygen"):
        assert f"\n  {name} " in text
        assert command(name, "--help").stdout


def test_keygen_makes_a_key_that_a_node_takes(tmp_path: Path) -> None:
    """Two nodes with the printed key find each other."""
    key = command("keygen").stdout.strip()
    nodes = make_nodes(tmp_path, 2, **{"cluster.security.keys": key})
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 20, "both see two alive")

        assert all(key not in node.log for node in nodes)


def test_the_demo_sees_all_of_it(tmp_path: Path) -> None:
    """It forms a cluster, kills a node, sees suspect, dead and the health change, and leaves nothing behind."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "engram_discovery", "demo", "--exit"],
        capture_output=True,
        text=True,
        timeout=90,
        env=environment,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    for step in ("all 3 nodes see 3 alive", "node-3 is suspect", "node-3 is dead", "no longer healthy"):
        assert step in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_node_named_on_the_command_line_is_joined(tmp_path: Path) -> None:
    """``--join`` is a further source beside an empty seed list; an invalid address is wrong usage."""
    nodes = make_nodes(tmp_path, 2)
    for node in nodes:
        node.settings = "[cluster]\nenabled = true\n"
    nodes[1].arguments = ["--join", nodes[0].gossip]
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 20, "both see two alive")

        shown = nodes[1].get("/cluster/discovery")

    assert shown
    assert {source["name"]: source["count"] for source in shown[1]["sources"]} == {
        "static": 0,
        "command-line": 1,
    }
    assert "nonsense:0" in command("run", "--join", "nonsense:0", status=2).stderr


def test_a_second_signal_hurries(tmp_path: Path) -> None:
    """A node that drains for a minute stops at once at the second signal."""
    (node,) = make_nodes(tmp_path, 1, **{"cluster.registration.drain_delay": "60s"})
    with running([node]):
        wait_until(all_see([node], {"n0": "alive"}), 20, "the node runs")
        process = node.process
        assert process

        process.send_signal(signal.SIGTERM)  # a second one before the first was handled would be lost
        wait_until(lambda: (node.get("/readyz") or [0])[0] == 503, 20, "the node drains")
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)

        assert status == 0


def test_a_closed_terminal_does_not_kill_a_node(tmp_path: Path) -> None:
    """SIGHUP is ignored."""
    (node,) = make_nodes(tmp_path, 1)
    with running([node]):
        wait_until(all_see([node], {"n0": "alive"}), 20, "the node runs")
        process = node.process
        assert process

        process.send_signal(signal.SIGHUP)

        assert node.get("/livez") == (200, {"status": "ok"})
        assert node.stop() == 0


def _is_ready_again(node: Node, before: int) -> bool:
    return len(node.events("node.ready")) > before


def test_a_signal_at_any_moment_of_the_start_ends_it_cleanly(tmp_path: Path) -> None:
    """Whenever SIGTERM comes: no traceback, no hang, nothing left that would stop the next start."""
    (node,) = make_nodes(tmp_path, 1)
    node.settings = seeds_table(["127.0.0.1:9", "no-such-host.invalid:7946", "127.0.0.250:7946"])
    statuses = []
    for moment in range(16):
        started = len(node.events("node.ready"))
        with running([node]):
            process = node.process
            assert process
            if moment == 15:
                ready = partial(_is_ready_again, node, started)
                wait_until(ready, 20, "the node is ready")
            else:
                time.sleep(0.05 * moment)
            process.send_signal(signal.SIGTERM)

            statuses.append(process.wait(20))

    # Before Python has set up the handlers the signal ends the process, which has opened nothing yet.
    assert set(statuses) <= {0, -signal.SIGTERM}
    assert statuses[-1] == 0
    assert "Traceback" not in node.log
