"""The glossary has each term once, in order, with meaning and source, and what it names in the code exists."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.named_parts import part_exists

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "glossary.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:2] == "| "
]
TERMS = [row[0] for row in ROWS[2:]]
#: The words that names, messages and pages must share.
VOCABULARY = re.split(
    r",\s+",
    "provider, plugin, discoverer, registrar, endpoint, seed, member, alive, suspect, dead, left, incarnation, join, "
    "leave, advertise address, lease, TTL check, last known good, stale read, back-off, supervisor, guarded call, "
    "task leak, slow callback, event-loop lag, circuit breaker, readiness, flapping, node-id conflict, "
    "thundering herd, local health, atomic write, rate limiter, write fencing",
)


def test_every_term_is_explained() -> None:
    """The whole vocabulary is there, sorted, each with a meaning and the source of the word."""
    assert [term for term in [*VOCABULARY, "split brain, split"] if term not in TERMS] == []
    assert sorted(TERMS, key=str.lower) == TERMS
    assert [row[0] for row in ROWS[2:] if len(row) != 4 or not row[1] or not row[3]] == []


def documented(name: str, reference: str) -> bool:
    """Whether a metric, an event or a setting is in the reference; settings are listed below their table."""
    table, _, key = name.rpartition(".")
    if name.startswith("cluster."):
        section = reference.partition(f"## `[{table}]`\n")[2].partition("\n## ")[0]
        return f"| `{key}`" in section or f"## `[{name}]`" in reference
    return f"`{name}`" in reference


def test_what_a_row_names_exists() -> None:
    """A module, class, metric, event or setting in the third column is in the package or its reference."""
    places = {name for row in ROWS[2:] for name in re.findall(r"`([A-Za-z_.]+)`", row[2])}
    reference = "\n".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))

    public = {name for name in places if name.startswith(("cluster.", "engram_", "plugin."))}
    parts = {name for name in places - public if "." in name or name == "host"}

    assert [name for name in public if not documented(name, reference)] == []
    assert [name for name in parts if not part_exists(name)] == []
    assert len(parts) > 20
