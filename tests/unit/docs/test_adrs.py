"""Every decision has a number, a title, a status and a date, and its row in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
INDEX = (FOLDER / "index.md").read_text()
HEAD = re.compile(
    r"# (?P<number>\d+)\. (?P<title>.+)\n\n"
    r"Status: (?P<status>Proposed|Accepted|Superseded by \[ADR \d+\]\([^)]+\))\. Date: \d{4}-\d{2}-\d{2}\.\n"
)


@pytest.mark.parametrize("record", RECORDS, ids=[record.name for record in RECORDS])
def test_a_record_has_its_head_and_its_row(record: Path) -> None:
    """The head has number, title, status and date; the index repeats number, title and status."""
    head = HEAD.match(record.read_text())

    assert head, f"{record.name} needs a title line, then a line with status and date"
    assert int(head["number"]) == int(record.name[:4])
    status = head["status"].split()[0].lower()
    assert f"| {head['number']} | [{head['title'].replace('`', '')}]({record.name}) | {status} |" in INDEX


def test_every_number_in_the_code_is_a_record() -> None:
    """``ADR n`` in a docstring, comment or page names a decision that exists, and numbers are unique."""
    numbers = [int(record.name[:4]) for record in RECORDS]
    files = [
        path
        for folder in ("engram_discovery", "plugins", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".toml"} and "_build" not in path.parts
    ]

    named = {int(found) for path in files for found in re.findall(r"\bADR (\d+)", path.read_text())}

    assert len(set(numbers)) == len(numbers)
    assert named - set(numbers) == set()
