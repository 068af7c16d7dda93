"""Find the line of every key in a TOML document, which the standard library's parser does not tell.

It scans a document that has already been parsed, so it needs no error handling: what it cannot follow has no
line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["key_lines"]

# Strings and comments are whole lexemes, so that brackets, hashes and equals signs inside them do not count.
_LEXEME = re.compile(
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
    for line, lexemes in _statements(text):
        if lexemes[0] == "[":
            table = _path("".join(lexemes).strip("[]"))
            lines.setdefault(table, line)
        elif "=" in lexemes:
            lines[(*table, *_path("".join(lexemes[: lexemes.index("=")])))] = line
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each header and each ``key = value`` as its lexemes, also where it has several lines."""
    line, start, depth, lexemes = 1, 1, 0, list[str]()
    for match in _LEXEME.finditer(text):
        lexeme = match.group()
        if lexeme == "\n":
            line += 1
            if depth == 0 and lexemes:
                yield start, lexemes
                lexemes = []
            continue
        if lexeme[0] == "#":
            continue
        if not lexemes:
            start = line
        lexemes.append(lexeme)
        depth += (lexeme in "[{") - (lexeme in "]}")
        line += lexeme.count("\n")
    if lexemes:
        yield start, lexemes


def _path(text: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _PART.findall(text))
