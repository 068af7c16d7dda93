"""Wheels of the host and of every plugin, built from source archives, and clean environments to put them in."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[2]

#: What a test of this directory may take, most of it for downloads of other people's packages.
TIMEOUT = 300


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command as a user would: without our import path or environment; return what it prints."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "VIRTUAL_ENV", "ENGRAM"))
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build all distributions, source archive first and the wheel from that."""
    directory = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, *(path.parent for path in sorted(ROOT.glob("plugins/*/pyproject.toml")))):
        run(sys.executable, "-m", "build", "--outdir", directory, project)
    return directory


@pytest.fixture(scope="session")
def third_party() -> list[str]:
    """The requirements of the host that are not ours."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [line for line in project["dependencies"] if not line.startswith("engram-discovery")]


def _with_pip(directory: Path) -> tuple[Path, Sequence[str | Path]]:
    run(sys.executable, "-m", "venv", directory)
    python = directory / "bin" / "python"
    return python, [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _with_uv(directory: Path) -> tuple[Path, Sequence[str | Path]]:
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, directory)
    python = directory / "bin" / "python"
    return python, [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]


@pytest.fixture(scope="session", params=[_with_pip, _with_uv], ids=["pip", "uv"])
def python(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    wheels: Path,
    third_party: list[str],
) -> Path:
    """Install the bare host into a clean environment; our own distributions come from the wheels alone."""
    make: Callable[[Path], tuple[Path, Sequence[str | Path]]] = request.param
    interpreter, install = make(tmp_path_factory.mktemp("environment"))
    run(*install, *third_party)
    run(*install, "--no-index", "--find-links", wheels, "engram-discovery")
    return interpreter


@pytest.fixture(params=[_with_pip, _with_uv], ids=["pip", "uv"])
def install_extra(request: pytest.FixtureRequest, tmp_path: Path, wheels: Path) -> Callable[[str], Path]:
    """Give what installs ``engram-discovery[<extra>]`` from the wheels into a clean environment."""

    def install(extra: str) -> Path:
        interpreter: Path
        interpreter, command = request.param(tmp_path / "environment")
        run(*command, "--find-links", wheels, f"engram-discovery[{extra}]")
        return interpreter

    return install
