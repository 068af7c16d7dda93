"""Every error and every kind of failure has its place in the reference."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from engram_discovery import errors

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "errors.md").read_text()
CLASSES = {name: value for name, value in vars(errors).items() if name in errors.__all__}
ERRORS = [name for name, value in CLASSES.items() if issubclass(value, Exception)]


def row(name: str) -> str:
    """Return the row of a class in one of the tables."""
    found: list[str] = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    assert len(found) == 1, f"{name} needs one row"
    return found[0]


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_documented(name: str) -> None:
    """A class of error has a row: when it is raised, what it carries, what to do."""
    cells = [cell.strip() for cell in row(name).strip("|").split("|")]

    assert len(cells) == 5
    assert cells[1]
    assert cells[4]


@pytest.mark.parametrize("name", CLASSES)
def test_every_attribute_is_documented(name: str) -> None:
    """An attribute that a class adds to its base is named in its row."""
    if name == "FailureKind":
        return
    described = inspect.getdoc(CLASSES[name]) or ""
    section = described.partition("Attributes:\n")[2]
    inherited = {"kind", "retryable", "retry_after"} if name != "CallFailedError" else set()
    attributes = set(re.findall(r"^    (\w+): ", section, re.MULTILINE)) - inherited

    assert [attribute for attribute in attributes if f"`{attribute}`" not in row(name)] == []


def test_the_tree_is_that_of_the_classes() -> None:
    """The drawing has each error below its base, in the order of the module's docstring."""
    drawn = re.findall(r"^([│├└─ ]*)(\w+Error)$", PAGE, re.MULTILINE)
    above: list[str] = []
    for indent, name in drawn:
        depth = len(indent) // 3
        above[depth:] = [name]
        if depth:
            assert CLASSES[name].__base__ is CLASSES[above[depth - 1]]

    assert {name for _, name in drawn} == set(ERRORS)


def test_every_kind_of_failure_is_documented() -> None:
    """The vocabulary of logs, metrics and explanations."""
    assert [kind.value for kind in errors.FailureKind if f"| `{kind.value}` |" not in PAGE] == []
