"""Every error and every kind of failure has its place in the reference."""

from __future__ import annotations

import inspect
from pathlib import Path

from engram_discovery import errors

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "errors.md").read_text()


def test_every_error_is_documented() -> None:
    """A new class of error needs a row: when it is raised, and what to do."""
    classes = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    ]

    assert [name for name in classes if f"| `{name}` |" not in PAGE] == []


def test_every_kind_of_failure_is_documented() -> None:
    """The vocabulary of logs, metrics and explanations."""
    assert [kind.value for kind in errors.FailureKind if f"| `{kind.value}` |" not in PAGE] == []
