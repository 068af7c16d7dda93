"""The commands of the page on installing work as written, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.packaging.conftest import ROOT

PAGE = ROOT / "docs" / "how-to" / "install.md"


def commands(kind: str) -> list[str]:
    """Return the commands of the blocks that are marked so."""
    blocks = re.findall(rf"<!-- test: {kind} -->\n```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def run(lines: list[str], folder: Path, **environment: str) -> str:
    """Run them in one shell, so that an activated environment stays active."""
    script = "\n".join(["set -e", *lines])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_installing_from_a_checkout(tmp_path: Path) -> None:
    """Host and plugins install side by side, and the command finds both providers."""
    folder = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True, timeout=60)

    output = run(commands("checkout"), folder)

    assert {"static", "dns", "consul", "etcd"} <= set(output.split())


def test_installing_from_wheels(tmp_path: Path, wheels: Path) -> None:
    """What ``nox -s build`` writes installs by name, with extras."""
    assert commands("wheels")[0] == "nox -s build"
    folder = tmp_path
    (folder / "dist").symlink_to(wheels)

    lines = [
        "python3 -m venv .venv && . .venv/bin/activate",
        *commands("wheels")[1:],
        "engram-discovery plugins",
    ]

    output = run(lines, folder)
    assert "consul" in output
    assert "etcd" in output
