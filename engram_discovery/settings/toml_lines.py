"""Find the line of every key in a TOML document, which ``tomllib`` does not report; bound its size before parsing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Document", "has_long_key", "has_more_parts"]

# Strings and comments are whole lexemes, so that brackets, hashes and equals signs inside them do not count.
# A run of empty lines and comment lines is one lexeme, because a file can have a million of them.
# An unterminated string is one lexeme as well: repeated searches for its end would take quadratic time.
_LEXEME = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"{3,5}|\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*"
    r"|\n(?:\s++|#[^\n]*+)*+"
    r"|[\[\]{}=,]"
    r"|[^\s\"'#\[\]{}=,]+",
    re.DOTALL,
)
#: Characters of which each key, each list element and each table has at least one.
_MARKS = "=,.[{"
_PART = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|[A-Za-z0-9_-]+")


class Document:
    """The text of a parsed document, kept to find the line of a key. The repr contains none of the text."""

    __slots__ = ("_lines", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[tuple[str, ...], int] | None = None

    def line(self, path: tuple[str, ...]) -> int | None:
        """Return the line of a key or table header, counted from 1; of the nearest table above if it has none."""
        if self._lines is None:
            self._lines = _key_lines(self._text)
        lines = self._lines
        return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)


def has_long_key(text: str, max_parts: int) -> bool:
    """Return, in linear time, whether a key has more parts than ``max_parts``; the text may be invalid TOML.

    ``tomllib`` takes quadratic time for such a key: 7 s for one of 20,000 parts.
    """
    if text.count(".") < max_parts or not any(line.count(".") >= max_parts for line in text.split("\n")):
        return False
    dots = 0
    for match in _LEXEME.finditer(text):
        lexeme = match.group()
        if lexeme[0] in "\n[]{}=,":
            dots = 0
        elif lexeme[0] not in "#\"'":
            dots += lexeme.count(".")
        if dots >= max_parts:
            return True
    return False


def has_more_parts(text: str, max_parts: int) -> bool:
    """Return whether a document has more keys, tables and list elements than ``max_parts``; it may be invalid TOML.

    ``tomllib`` takes up to 0.1 ms for each: seconds for a file of short keys (ADR 11).
    """
    if _marks(text) <= max_parts:
        return False
    parts = 0
    for match in _LEXEME.finditer(text):
        lexeme = match.group()
        if lexeme[0] not in "\n#\"'":
            parts += _marks(lexeme)
        if parts > max_parts:
            return True
    return False


def _marks(text: str) -> int:
    return sum(text.count(mark) for mark in _MARKS)


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Map the path of every key and header to its line. Keys inside inline tables are not mapped."""
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
        if lexeme[0] == "\n":
            line += lexeme.count("\n")
            if depth == 0 and lexemes:
                yield start, lexemes
                lexemes = []
        elif lexeme[0] != "#":
            start = start if lexemes else line
            lexemes.append(lexeme)
            depth += (lexeme in "[{") - (lexeme in "]}")
            line += lexeme.count("\n")
    if lexemes:
        yield start, lexemes


def _path(text: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _PART.findall(text))
