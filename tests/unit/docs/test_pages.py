"""The documentation against the code: links lead somewhere, examples load, references are complete."""

from __future__ import annotations

import base64
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import engram_discovery
from engram_discovery.cli.reference import reference_page
from engram_discovery.errors import Problem, SettingsError
from engram_discovery.http.bodies import Bodies
from engram_discovery.http.routes import cluster_routes
from engram_discovery.settings import settings_from
from engram_discovery.testing import FakeClock, ScriptedDiscoverer, make_member
from engram_discovery.types import CheckResult, CheckStatus, Endpoint, Found, NodeState
from tests.support.in_memory_node import Check, Registry, make_node

ROOT = Path(__file__).parents[3]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "changelog.d" / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
INSTALLED = engram_discovery.PluginHost()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that is there."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_settings_in_examples_are_settings(page: Path) -> None:
    """Every TOML example with a [cluster] table is accepted, with the tables of its providers.

    Only the files of secrets and certificates that an example names are missing here.
    """
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
        tree = tomllib.loads(example.replace("…", base64.b64encode(bytes(32)).decode()))
        if "cluster" in tree:
            tables = [name for name in INSTALLED.known_providers() if name in tree["cluster"]]
            tree["cluster"] = {"discovery": tables or ["static"], **tree["cluster"], "enabled": True}

            assert [problem for problem in problems(tree) if "no such file" not in problem.found] == []


def problems(tree: dict[str, Any]) -> tuple[Problem, ...]:
    """Return what is wrong with settings."""
    try:
        settings_from(tree, host=INSTALLED)
    except SettingsError as error:
        return error.problems
    return ()


def test_the_page_of_commands_is_what_the_commands_write() -> None:
    """``python -m engram_discovery.cli.reference`` was run after the last change of a command or an option."""
    assert (ROOT / "docs/reference/commands.md").read_text() == reference_page()


def test_every_route_is_documented() -> None:
    """The page of routes has a row for each."""
    context = engram_discovery.SingleNode(settings_from({"cluster": {}}))
    page = (ROOT / "docs/reference/http.md").read_text()

    assert [route.path for route in cluster_routes(context) if f"| `{route.path}`" not in page] == []


async def test_every_field_of_an_answer_is_documented() -> None:
    """The page names what health, members and explanation hold, figures of plugins apart."""
    member = replace(make_member("b", NodeState.DEAD, port=2), zone="z", spaces=("s",), spaces_omitted=1)
    node = make_node(
        FakeClock(),
        [make_member("a", is_self=True), member],
        discoverers={"dns": ScriptedDiscoverer(Found((Endpoint("10.0.0.1", 7946),)))},
        cluster={"expected_size": 3},
        registry=Registry(),
        checks=[Check("tap", CheckResult(CheckStatus.PASSING))],
    )
    await node.discovery.discover()
    await node.health.check()
    views = Bodies(node)
    health = views.health()[1]
    assert views.discovery()[1]["not_joined"]
    bodies = [{**health, "checks": list(health["checks"].values())}, views.nodes()[1], views.discovery()[1]]
    page = (ROOT / "docs/reference/http.md").read_text()
    documented = set(re.findall(r"`(?:\w+\[\]\.)?([a-z_]+)`", page))

    assert {field for body in [*bodies, views.ready()[1]] for field in fields(body)} <= documented


def fields(body: Any) -> set[str]:
    """Return the keys of a body and of what is in it; those of counters are labels, not fields."""
    if isinstance(body, list | tuple):
        return set().union(*(fields(item) for item in body))
    if not isinstance(body, dict):
        return set()
    below = [value for key, value in body.items() if key not in {"attempts", "errors", "partial", "rejected"}]
    return set(body).union(*(fields(value) for value in below))


def test_install_lines_are_those_of_the_install_page() -> None:
    """Each page installs by a command of the page on installing, whose commands the job ``packaging`` runs."""
    install = {
        line for line in commands((ROOT / "docs/how-to/install.md").read_text()) if "./plugins" in line
    }
    pages = {name: page for name, page in zip(NAMES, PAGES, strict=True) if "/adr/" not in name}

    lines = {line for page in pages.values() for line in commands(page.read_text()) if "./plugins" in line}

    assert len(install) == 4
    assert lines == install


def test_modules_that_pages_name_exist() -> None:
    """A path of a Python file in a page, or in a comment of pyproject.toml, is in the repository."""
    files = [
        path.relative_to(ROOT).as_posix() for path in sorted(ROOT.rglob("*.py")) if ".venv" not in path.parts
    ]
    elsewhere = {"dynaconf_hooks.py"}

    named = {
        (found, page.name)
        for page in [*PAGES, ROOT / "pyproject.toml"]
        for found in re.findall(r"(?<![\w./-])((?:\w+/)*[a-z_]+\.py)\b", page.read_text())
        if found not in elsewhere
    }

    assert [
        one for one in sorted(named) if not any(f"/{file}".endswith(f"/{one[0]}") for file in files)
    ] == []
    assert len(named) > 20


def commands(text: str) -> list[str]:
    """Return the lines that call pip, without the prompt and the comment."""
    return [match.strip() for match in re.findall(r"^\s*(?:\$ )?(pip install [^#\n]*)", text, re.MULTILINE)]


def test_no_page_names_the_machine_it_was_written_on() -> None:
    """No path of a developer's machine and no lock file is part of the project."""
    assert not (ROOT / "uv.lock").exists() or "uv.lock" in (ROOT / ".gitignore").read_text()
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(work|root|home/\w+)/", page.read_text()), page
