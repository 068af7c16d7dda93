"""``--strict-plugins`` of the real commands: a broken plugin that nobody selected ends them, and is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.nodes import free_port
from tests.unit.plugins.installed import Site

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
    """Exit status 2, and the plugin is named with distribution, version and what to do; no traceback."""
    Site(tmp_path).install("acme-discovery", version="1.2", acme=BROKEN["raises at its import"])

    done = ended(tmp_path, command, "--strict-plugins")

    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2
    assert (
        'plugin "acme" (acme-discovery 1.2) raised in its import: ValueError: out of order; upgrade' in said
    )
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "run"])
def test_without_the_flag_it_harms_nobody(tmp_path: Path, command: str) -> None:
    """A broken plugin that nobody selected leaves the command as it is."""
    Site(tmp_path).install("acme-discovery", version="1.2", acme=BROKEN["raises at its import"])

    assert ended(tmp_path, command).returncode == 0


@pytest.mark.parametrize("fault", BROKEN)
def test_any_fault_in_loading_counts(tmp_path: Path, fault: str) -> None:
    """Whatever is wrong with a plugin, the flag makes an error of it."""
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
