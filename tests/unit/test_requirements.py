"""What the projects declare that they need: all that they import, and upper bounds with a reason."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = {
    "engram_discovery": ROOT / "engram_discovery",
    **{path.name: path for path in sorted(ROOT.glob("plugins/*/src/*")) if path.is_dir()},
}


def project_file(package: str) -> Path:
    return next(
        parent / "pyproject.toml"
        for parent in PROJECTS[package].parents
        if (parent / "pyproject.toml").exists()
    )


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(package: str) -> set[str]:
    """The distributions that a project requires, its extras included."""
    project = tomllib.loads(project_file(package).read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return {canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}


def imported(package: str) -> set[str]:
    """The names at the top of every import of a package, wherever in a file it stands."""
    names: set[str] = set()
    for path in PROJECTS[package].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).split(".")[0])
    return names - set(sys.stdlib_module_names) - {package}


@pytest.mark.parametrize("package", PROJECTS)
def test_what_is_imported_is_declared(package: str) -> None:
    """A library that only comes along with another has no floor, so an old one with a known fault would do."""
    owners = packages_distributions()

    missing = {
        name
        for name in imported(package)
        if not {canonical(owner) for owner in owners.get(name, [name])} & declared(package)
    }

    assert missing == set()


@pytest.mark.parametrize("package", PROJECTS)
def test_an_upper_bound_has_its_reason_beside_it(package: str) -> None:
    """A bound keeps a user's service from newer releases, so each says what for. Those of our extras are the host's."""
    text = project_file(package).read_text().partition("[project.optional-dependencies]")[0]

    bounds = [line for line in text.splitlines() if re.search(r'"[\w.\[\]-]+[^"#]*<', line)]

    assert bounds
    assert [line for line in bounds if not re.search(r"# \w+", line)] == []
