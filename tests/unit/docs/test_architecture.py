"""The architecture page against the code: every part that it names exists, and the floors are the linter's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.named_parts import part_exists

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "engram_discovery"
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
MODULES = sorted(path.stem for path in PACKAGE.glob("[a-z]*.py"))
PARTS = re.compile(rf"\b(?:{'|'.join([*ROOMS, *MODULES])}|engram_discovery_dns)(?:\.\w+)+")
PLACES = re.findall(r"^\| .* \| (`[^|]*\.py`[^|]*) \| ([^|]*) \|$", PAGE, re.MULTILINE)


def test_the_walks_name_parts_that_exist() -> None:
    """A module or attribute that moved fails here, so that the drawings stay true."""
    walks = "\n".join(re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL))
    names = set(PARTS.findall(walks))

    assert len(names) > 40
    assert sorted(name for name in names if not part_exists(name)) == []


def test_the_floors_are_those_of_the_linter() -> None:
    """The table lists the layers of import-linter, top first, and every room and module is on one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    expected = [set(re.split(r"\s*[|:]\s*", layer)) for layer in layers if layer != "__main__"]
    table = PAGE.partition("| floor |")[2].partition("\n\n")[0]

    floors = [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in table.splitlines()[2:]]

    assert floors == expected
    assert set(ROOMS) | set(MODULES) <= set().union(*floors)


@pytest.mark.parametrize(("files", "names"), PLACES)
def test_a_look_up_leads_to_its_file(files: str, names: str) -> None:
    """Each name is defined in one of the files beside it."""
    paths = [PACKAGE / file for file in re.findall(r"`(\S+\.py)`", files)]

    text = "\n".join(path.read_text() for path in paths)
    for name in re.findall(r"`([\w.]+)`", names):
        attribute = name.split(".")[-1]
        assert re.search(rf"(def|class) {attribute}\b|^{attribute} = ", text, re.MULTILINE), name


def test_there_are_ten_look_ups() -> None:
    """The table is not cut short by a row that the pattern misses."""
    assert len(PLACES) == 10
