"""The documentation against the code: links lead somewhere, examples load, references are complete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import engram_discovery
from engram_discovery.cli.reference import reference_page
from engram_discovery.http.routes import cluster_routes
from engram_discovery.settings import settings_from

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that is there."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_settings_in_examples_are_settings(page: Path) -> None:
    """Every TOML example with a [cluster] table is accepted, apart from what stands for a secret."""
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
        tree = tomllib.loads(example)
        if "cluster" in tree:
            tree["cluster"].get("security", {}).pop("keys", None)
            tree["cluster"].pop("enabled", None)  # so that providers need not be installed here

            assert settings_from(tree).cluster.name


def test_the_page_of_commands_is_what_the_commands_write() -> None:
    """``python -m engram_discovery.cli.reference`` was run after the last change of a command or an option."""
    assert (ROOT / "docs/reference/commands.md").read_text() == reference_page()


def test_every_route_is_documented() -> None:
    """The page of routes has a row for each."""
    context = engram_discovery.SingleNode(settings_from({"cluster": {}}))
    page = (ROOT / "docs/reference/http.md").read_text()

    assert [route.path for route in cluster_routes(context) if f"| `{route.path}`" not in page] == []


def test_no_page_names_the_machine_it_was_written_on() -> None:
    """No path of a developer's machine and no lock file is part of the project."""
    assert not (ROOT / "uv.lock").exists() or "uv.lock" in (ROOT / ".gitignore").read_text()
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(work|root|home/\w+)/", page.read_text()), page
