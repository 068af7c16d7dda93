"""Find the line of every key in a TOML document, which the standard library's parser does not tell.

It runs before that parser and in linear time, and refuses what the parser would take quadratic time for. On a
document that is no TOML it finds nonsense, which nobody sees.
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


def key_lines(text: str, *, deepest: int) -> dict[tuple[str, ...], int]:
    """Map the path of every key and table header to its line, counted from 1.

    Keys inside inline tables are not mapped: they stand on the line of the key that holds the table.

    Raises:
        ValueError: A key has more than ``deepest`` parts. ``tomllib`` needs 7 s for one of 20,000.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for line, lexemes in _statements(text, deepest):
        if lexemes[0] == "[":
            table = _path("".join(lexemes).strip("[]"))
            lines.setdefault(table, line)
        elif "=" in lexemes:
            lines[(*table, *_path("".join(lexemes[: lexemes.index("=")])))] = line
    return lines


def _statements(text: str, deepest: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each header and each ``key = value`` as its lexemes, also where it has several lines."""
    line, start, depth, dots, lexemes = 1, 1, 0, 0, list[str]()
    for match in _LEXEME.finditer(text):
        lexeme = match.group()
        if lexeme == "\n":
            line, dots = line + 1, 0
            if depth == 0 and lexemes:
                yield start, lexemes
                lexemes = []
        elif lexeme[0] != "#":
            start = start if lexemes else line
            lexemes.append(lexeme)
            depth += (lexeme in "[{") - (lexeme in "]}")
            line += lexeme.count("\n")
            dots = _dots(lexeme, dots)
            if dots > deepest:
                raise ValueError
    if lexemes:
        yield start, lexemes


def _dots(lexeme: str, before: int) -> int:
    """Count the dots of a key so far; whatever is not part of a key starts anew."""
    if lexeme[0] in "\"'":
        return before
    return 0 if lexeme in "[]{}=," else before + lexeme.count(".")


def _path(text: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _PART.findall(text))
