"""The README's commands are found as they stand there, and the continuous run is the second of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bare.readme import readme_commands
from tests.closing_lines import summary

ROOT = Path(__file__).parents[3]


def test_the_readme_has_two_commands() -> None:
    """The demo and all tests, each from nothing but Python."""
    demo, everything = readme_commands((ROOT / "README.md").read_text())

    assert demo == f"{everything} -s demo"
    assert everything.startswith("python3 -m venv ")


def test_the_continuous_run_is_the_second_command() -> None:
    """What is promised is what is tried at each change."""
    _, everything = readme_commands((ROOT / "README.md").read_text())

    assert f"({everything})" in (ROOT / ".ci/run").read_text()


def test_a_readme_without_its_commands_is_an_error() -> None:
    """A command that disappears is noticed."""
    with pytest.raises(ValueError, match=r"README\.md: 0 console blocks run nox"):
        readme_commands("```console\n$ pip install engram-discovery\n```\n")


def test_closing_lines_are_repeated_and_summed() -> None:
    """With or without colour; an error counts as a failure."""
    log = (
        "nox > pytest\n\x1b[32m====== \x1b[1m12 passed\x1b[0m, 3 skipped in 1.20s ======\x1b[0m\n"
        "= 1 failed, 2 passed, 4 errors in 70.01s (0:01:10) =\n5 passed in 3.2s\nfoo 9 passed\n"
    )

    lines = summary(log).splitlines()

    assert lines[0] == "====== 12 passed, 3 skipped in 1.20s ======"
    assert lines[1:] == [
        "= 1 failed, 2 passed, 4 errors in 70.01s (0:01:10) =",
        "5 passed in 3.2s",
        "19 passed, 5 failed",
    ]
