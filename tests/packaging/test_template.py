"""The plugin template: rendered, installed beside the host's wheel, tested and linted, as a stranger would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.packaging.conftest import ROOT, TIMEOUT, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(2 * TIMEOUT)

TOOLS = ["pytest>=8.4", "pytest-asyncio>=1.4", "ruff>=0.15", "mypy>=1.18"]


@pytest.fixture
def install(python: Path) -> Any:
    """Install further packages into the environment that has the host, with the means that made it."""

    def install(*packages: str | Path) -> None:
        import sys

        if (python.parent / "pip").exists():
            run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
        else:
            run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *packages)

    return install


def own_pytest(python: Path, tmp_path: Path) -> list[str | Path]:
    """Return the command of a pytest that tidies up no directory but its own."""
    return [python, "-m", "pytest", "-q", f"--basetemp={tmp_path / 'inner'}"]


def test_a_new_plugin_works_as_it_is(python: Path, install: Any, tmp_path: Path) -> None:
    """It installs, passes its contract suite, is typed, linted and formatted, and the host lists it."""
    run(python.parent / "engram-discovery", "new-plugin", "acme_db", cwd=tmp_path)
    plugin = tmp_path / "engram-discovery-acme-db"

    install(plugin, *TOOLS)

    assert " passed" in run(*own_pytest(python, tmp_path), cwd=plugin)
    run(python, "-m", "ruff", "check", ".", cwd=plugin)
    run(python, "-m", "ruff", "format", "--check", ".", cwd=plugin)
    run(python, "-m", "mypy", "-p", "engram_discovery_acme_db", cwd=plugin)
    assert "acme_db" in run(python.parent / "engram-discovery", "plugins", "--all", cwd=tmp_path)


@pytest.mark.parametrize("example", ["json_file_provider", "nearest_zone"])
def test_an_example_works_as_it_is(python: Path, install: Any, tmp_path: Path, example: Any) -> None:
    """The examples of the documentation install and pass their tests outside this repository."""
    install(ROOT / "examples" / example, *TOOLS)

    assert " passed" in run(*own_pytest(python, tmp_path), ROOT / "examples" / example, cwd=tmp_path)
