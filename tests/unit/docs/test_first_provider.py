"""The tutorial of the first provider shows the code of the example, which is tested."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "json_file_provider"
TUTORIAL = (ROOT / "docs" / "tutorial" / "first-provider.md").read_text()
SHOWN = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)


def normal(text: str) -> str:
    """Return the text without empty lines."""
    return "\n".join(line for line in text.splitlines() if line.strip())


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_every_block_is_in_the_example(number: Any) -> None:
    """What a reader types is what is tested."""
    files = [EXAMPLE / "src/json_file_provider.py", EXAMPLE / "tests/test_contracts.py"]

    assert any(normal(SHOWN[number]) in normal(path.read_text()) for path in files)


def test_nothing_of_the_example_is_left_out() -> None:
    """Whoever types all blocks has the whole provider, in less than 60 lines."""
    source = (EXAMPLE / "src/json_file_provider.py").read_text()
    typed = {line for block in SHOWN for line in block.splitlines()}

    code = source.partition("import asyncio")
    assert [line for line in (code[1] + code[2]).splitlines() if line.strip() and line not in typed] == []
    assert len(source.splitlines()) < 60


def test_the_package_is_the_examples() -> None:
    """What a reader writes into pyproject.toml is what the example is installed with."""
    shown = re.findall(r"```toml\n(.*?)```", TUTORIAL, re.DOTALL)[0]
    example = (EXAMPLE / "pyproject.toml").read_text().splitlines()

    assert [line for line in shown.splitlines() if line not in example] == []
