"""``--strict-plugins`` of the real commands: a broken plugin that is not selected ends them, and is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.support.installed_plugins import LEAKING, Site
from tests.support.node_processes import Node, running, wait_until

BROKEN = {
    "raises at its import": "raise ValueError('out of order')",
    "misspells a hook": "@hookimpl\ndef engram_provider(): return []",
    "is for another version of the contract": "@hookimpl\ndef engram_providers(): return offer('acme', requires_api=2)",
    "answers garbage": "@hookimpl\ndef engram_providers(): return 3",
}
COMMANDS = ["run", "discover", "doctor", "plugins", "config check", "config show"]


def ended(folder: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    settings = folder / "engram.toml"
    settings.write_text('[cluster]\nenabled = true\n[cluster.static]\nseed_nodes = ["127.0.0.1:1"]\n')
    bind = [f"cluster.network.{key}=127.0.0.1:{free_port()}" for key in ("swim_bind", "api_bind")]
    overrides = [word for setting in bind for word in ("--set", setting)]
    return subprocess.run(
        [sys.executable, "-m", "engram_discovery", *command.split(), "-c", settings, *overrides, *options],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_broken_plugin_ends_the_command(tmp_path: Path, command: str) -> None:
    """Exit status 2, and the plugin is named with distribution, version and remedy; no traceback."""
    Site(tmp_path).install("acme-discovery", version="1.2", acme=BROKEN["raises at its import"])

    done = ended(tmp_path, command, "--strict-plugins")

    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2
    assert (
        'plugin "acme" (acme-discovery 1.2) raised in its import: ValueError: out of order; upgrade' in said
    )
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "run"])
def test_without_the_flag_it_does_no_harm(tmp_path: Path, command: str) -> None:
    """A broken plugin that is not selected does not change the command."""
    Site(tmp_path).install("acme-discovery", version="1.2", acme=BROKEN["raises at its import"])

    assert ended(tmp_path, command).returncode == 0


@pytest.mark.parametrize("fault", BROKEN)
def test_any_fault_in_loading_counts(tmp_path: Path, fault: str) -> None:
    """The flag turns every fault of a plugin into an error."""
    Site(tmp_path).install("acme-discovery", version="1.2", acme=BROKEN[fault])

    done = ended(tmp_path, "discover", "--strict-plugins")

    assert done.returncode == 2
    assert 'plugin "acme" (acme-discovery 1.2)' in done.stderr


def test_two_distributions_with_one_provider_count_too(tmp_path: Path) -> None:
    """Both are named, and the setting that chooses."""
    for distribution in ("acme-one", "acme-two"):
        Site(tmp_path).install(distribution, acme="")

    done = ended(tmp_path, "discover", "--strict-plugins")

    assert done.returncode == 2
    assert "acme-one 1.0" in done.stderr
    assert "acme-two 1.0" in done.stderr
    assert "cluster.plugins.deny" in done.stderr


SELECTED = ["--set", "cluster.discovery=acme", "--set", "cluster.acme.leaks=true"]
LEFT = (
    'plugin "acme" (acme-discovery 1.2) left 2 tasks running after aclose: Acme.read, Acme.receive; upgrade'
)


@pytest.mark.parametrize("command", [["discover"], ["doctor", "--probe"]])
def test_tasks_left_behind_count_too(tmp_path: Path, command: list[str]) -> None:
    """A command that uses a provider reports the tasks that it leaks; with the flag they are an error."""
    Site(tmp_path).install("acme-discovery", version="1.2", acme=LEAKING)

    named = ended(tmp_path, *command, *SELECTED)
    refused = ended(tmp_path, *command, *SELECTED, "--strict-plugins")

    assert (named.returncode, refused.returncode) == (0, 2)
    assert LEFT in named.stdout + named.stderr
    assert LEFT in refused.stdout + refused.stderr


def test_a_node_ends_with_the_error_once_it_is_closed(tmp_path: Path) -> None:
    """With the flag, a node whose provider leaked tasks leaves the cluster as usual, with exit status 2."""
    Site(tmp_path).install("acme-discovery", version="1.2", acme=LEAKING)
    settings = '[cluster]\nenabled = true\ndiscovery = "acme"\nacme.leaks = true\n'
    node = Node("n", "127.0.0.1", tmp_path / "n", free_port(), free_port(), settings)
    node.arguments, node.environment = ["--strict-plugins"], {"PYTHONPATH": str(tmp_path)}

    with running([node]):
        wait_until(lambda: node.events("node.ready"), 20, "the node is ready")
        assert node.process
        node.process.send_signal(signal.SIGTERM)
        status = node.process.wait(20)

    assert status == 2
    assert f"engram-discovery: {LEFT}" in node.log
    assert "Traceback" not in node.log
