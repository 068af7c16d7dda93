"""``engram-discovery new-plugin``: the files that it writes, and the names that it refuses."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from engram_discovery.cli.new_plugin import new_plugin


def test_the_package_is_named_after_the_provider(tmp_path: Path) -> None:
    """Distribution, package and entry point follow from the name, and no variable of the template is left."""
    target = tmp_path / "new"

    result = CliRunner().invoke(new_plugin, ["acme_db", "--directory", str(target)])

    assert result.exit_code == 0, result.output
    project = tomllib.loads((target / "pyproject.toml").read_text())["project"]
    assert project["name"] == "engram-discovery-acme-db"
    assert project["entry-points"]["engram_discovery"] == {
        "acme_db": "engram_discovery_acme_db.plugin:plugin"
    }
    assert (target / "src/engram_discovery_acme_db/py.typed").exists()
    python = [path.read_text() for path in target.rglob("*.py")]
    assert not any("$" in text for text in python)


@pytest.mark.parametrize(
    ("name", "message"),
    [("Acme", "lower-case letters"), ("9p", "lower-case letters"), ("network", "a table of the host")],
)
def test_a_name_that_no_provider_can_have_is_refused(tmp_path: Path, name: str, message: str) -> None:
    """The name would be refused by the host later; it is refused before anything is written."""
    result = CliRunner().invoke(new_plugin, [name, "--directory", str(tmp_path / "new")])

    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "new").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A directory that exists is left as it is."""
    result = CliRunner().invoke(new_plugin, ["acme", "--directory", str(tmp_path)])

    assert result.exit_code == 2
    assert "exists already" in result.output
    assert list(tmp_path.iterdir()) == []
