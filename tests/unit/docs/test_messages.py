"""Messages that the how-to pages quote are messages of the code, so that a reader who searches for one finds it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOW_TO = ROOT / "docs" / "how-to"
#: Texts that come from the other side.
FOREIGN = {
    "lacks permission 'service:write'",
    "Namespaces are a Consul Enterprise feature",
    "NXDOMAIN",
    "SERVFAIL",
}
#: Words of an example that stand for a value.
VALUES = re.compile(r"…|\b\d+(?:\.\d+)?\b")


def texts(*folders: str) -> str:
    """Return every string of the source as one text, with a mark where a value is filled in."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


def quoted(page: str) -> list[str]:
    """Return the messages in the first column of the tables of a page: in backticks, or in quotation marks."""
    rows = re.findall(r"^\| ([^|]+) \|", (HOW_TO / page).read_text(), re.MULTILINE)
    cells = [cell for row in rows for cell in re.findall(r'`([^`]+)`|"([^"]+)"', row)]
    found = [code or text for code, text in cells]
    return [message for message in found if " " in message and not message.startswith("<")]  # a key of etcd


@pytest.mark.parametrize(
    ("page", "folders", "at_least"),
    [
        ("consul.md", ["plugins/consul/src", "engram_discovery"], 6),
        ("etcd.md", ["plugins/etcd/src", "engram_discovery"], 12),
        ("kubernetes.md", ["plugins/dns/src", "engram_discovery"], 2),
        ("troubleshoot.md", ["engram_discovery"], 4),
    ],
)
def test_a_quoted_message_is_in_the_code(page: str, folders: list[str], at_least: int) -> None:
    """Each part of a message around its values is a part of a string of the source."""
    source = texts(*folders)
    messages = [message for message in quoted(page) if message not in FOREIGN]

    parts = {part.strip() for message in messages for part in VALUES.split(message)} - {""}
    assert [part for part in sorted(parts) if part not in source] == []
    assert len(messages) >= at_least
