"""What a contributor meets first: the jobs, forms, fragments and versions that the pages at the top name exist."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import engram_discovery

ROOT = Path(__file__).parents[3]
NOXFILE = ast.parse((ROOT / "noxfile.py").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLUGINS = sorted(ROOT.glob("plugins/*/pyproject.toml"))
FRAGMENTS = [path for path in sorted((ROOT / "changelog.d").iterdir()) if path.name != "README.md"]
FORMS = sorted((ROOT / ".github").rglob("*.yml"))
TOP = [
    "README.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    ".github/workflows/ci.yml",
    ".github/pull_request_template.md",
]


def jobs() -> set[str]:
    """Return the names of the nox sessions."""
    return {node.name for node in NOXFILE.body if isinstance(node, ast.FunctionDef) and node.decorator_list}


def constant(name: str) -> Any:
    """Return the value of a constant of the noxfile."""
    for node in NOXFILE.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"the noxfile has no {name}")


@pytest.mark.parametrize("name", TOP)
def test_the_jobs_that_a_page_names_exist(name: str) -> None:
    """Each ``nox -s`` names sessions of the noxfile."""
    calls = re.findall(r"nox -s ([a-z][a-z ]*[a-z])", (ROOT / name).read_text())

    named = {job for call in calls for job in call.split()} - {"and", "on"}
    assert named <= jobs()


def test_the_workflow_runs_every_supported_python() -> None:
    """The forge's matrix is the noxfile's, and the classifiers do not promise another one."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))

    assert workflow["jobs"]["quick"]["strategy"]["matrix"]["python"] == constant("PYTHONS")
    assert set(classified) <= set(constant("PYTHONS"))


@pytest.mark.parametrize("path", FORMS, ids=[path.name for path in FORMS])
def test_a_form_has_what_the_forge_needs(path: Path) -> None:
    """The YAML parses; a form has a name and a label for each question."""
    form = yaml.safe_load(path.read_text())

    assert form["name"]
    questions = [part for part in form.get("body", []) if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in questions)


@pytest.mark.parametrize("path", FRAGMENTS, ids=[path.name for path in FRAGMENTS])
def test_a_fragment_is_one_sentence_of_a_known_type(path: Path) -> None:
    """Towncrier ignores a file with another ending in silence."""
    types = {entry["directory"] for entry in PROJECT["tool"]["towncrier"]["type"]}
    text = path.read_text()

    assert path.suffixes[0].removeprefix(".") in types
    assert path.suffixes[1:] == [".md"]
    assert text.strip().endswith(".")
    assert len(text.splitlines()) == 1


def test_the_host_has_one_source_of_its_version() -> None:
    """The build reads ``_version.py``, and so do the package and the docs."""
    source = (ROOT / PROJECT["tool"]["hatch"]["version"]["path"]).read_text()

    assert "version" not in PROJECT["project"]
    assert re.findall(r'^__version__ = "(.*)"$', source, re.MULTILINE) == [engram_discovery.__version__]


@pytest.mark.parametrize("path", PLUGINS, ids=[path.parent.name for path in PLUGINS])
def test_host_and_plugins_share_a_minor_version(path: Path) -> None:
    """The bounds between them rely on it."""
    version = tomllib.loads(path.read_text())["project"]["version"]

    assert version.split(".")[:2] == engram_discovery.__version__.split(".")[:2]
