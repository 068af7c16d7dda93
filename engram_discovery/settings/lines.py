"""Find the line of every key in a TOML document, which the standard library's parser does not tell.

It scans a document that has already been parsed, so it needs no error handling: what it cannot follow has no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["key_lines"]

# Strings and comments are whole tokens, so that brackets, hashes and equals signs inside them do not count.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|\n"
    r"|[\[\]{}=,]"
    r"|[^\s\"'#\[\]{}=,]+",
    re.DOTALL,
)
_PART = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|[A-Za-z0-9_-]+")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Map the path of every key and table header to its line, counted from 1.

    Keys inside inline tables are not mapped: they stand on the line of the key that holds the table.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for line, tokens in _statements(text):
        if tokens[0] == "[":
            table = _path("".join(tokens).strip("[]"))
            lines.setdefault(table, line)
        elif "=" in tokens:
            lines[(*table, *_path("".join(tokens[: tokens.index("=")])))] = line
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each header and each ``key = value`` as its tokens, joined over the lines of multi-line values."""
    line, start, depth, tokens = 1, 1, 0, list[str]()
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            line += 1
            if depth == 0 and tokens:
                yield start, tokens
                tokens = []
            continue
        if token[0] == "#":
            continue
        if not tokens:
            start = line
        tokens.append(token)
        depth += (token in "[{") - (token in "]}")
        line += token.count("\n")
    if tokens:
        yield start, tokens


def _path(text: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _PART.findall(text))
