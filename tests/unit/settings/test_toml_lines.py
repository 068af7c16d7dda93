"""The line of a key in a TOML file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery.settings.toml_lines import Document, has_long_key

VALUES = st.sampled_from(
    [
        "1",
        "true",
        '"text"',
        '"# no comment [x] = {"',
        "'literal \\ [a]\"'",
        '"""one\ntwo # = [\n"""',
        "'''\nkey = 1\n[table]\n'''",
        '"""a \\" quoted \\\\"""',
        '""""quoted""""',
        "[1, 2, # comment = [\n  3,\n]",
        '["a]", \'b[\', """c\nd"""]',
        '{ a = 1, "b.c" = [ { d = 2 } ] }',
        "1979-05-27T07:32:00Z",
        "1e5",
    ]
)
NAMES = st.sampled_from(["a", "b_1", "c-d", '"quoted key"', "'lit.eral'", '"with # hash"', '"a]b"'])
BLANKS = st.sampled_from(["", "\n", "# comment = 1\n", "  # [no.table]\n\n"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str, ...], int]]:
    """Build a document key by key, with the line of each."""
    text = ""
    places: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number in range(draw(st.integers(1, 8))):
        text += draw(BLANKS)
        if draw(st.booleans()):
            name = draw(NAMES)
            table = (f"t{number}", _bare(name))
            places[table] = text.count("\n") + 1
            text += f" [ t{number} . {name} ] # comment\n" if draw(st.booleans()) else f"[t{number}.{name}]\n"
        name, value = draw(NAMES), draw(VALUES)
        places[(*table, f"k{number}", _bare(name))] = text.count("\n") + 1
        text += f"k{number}.{name} = {value} # end\n"
    return text, places


def _bare(name: str) -> str:
    return name[1:-1] if name[0] in "\"'" else name


@given(documents())
def test_every_key_and_table_is_found_on_its_line(document: tuple[str, dict[tuple[str, ...], int]]) -> None:
    """Strings, comments, inline tables and multi-line values do not change the line of a key."""
    text, places = document
    parsed: dict[str, Any] = tomllib.loads(text)

    found = Document(text)

    assert parsed
    assert {path: found.line(path) for path in places} == places
    assert not has_long_key(text, 4)


def test_arrays_of_tables_and_the_last_line_without_a_newline() -> None:
    """An array of tables has the line of its first header; the last line needs no newline."""
    found = Document("[[a]]\nb = 1\n[[a]]\nb = 2\n[c]\nd = 3")

    assert [found.line(path) for path in (("a",), ("c",), ("c", "d"))] == [1, 5, 6]


def test_a_key_of_an_inline_table_stands_on_the_line_of_the_table() -> None:
    """A key without a line of its own has that of its nearest table; an unknown key has none."""
    found = Document("[a]\nb = { c = 1 }")

    assert [found.line(path) for path in (("a", "b", "c"), ("a", "x"), ("y",))] == [2, 1, None]


def test_the_repr_of_a_document_shows_no_text() -> None:
    """The text of a document may contain secrets, so its repr omits it."""
    assert "canary" not in repr(Document('token = "canary"'))


@pytest.mark.parametrize(
    "text", ["a.a.a = 1", '"a"."a"."a" = 1', "[a . a . a]", "x = { a.a.a = 1 }", "x = [\n{ 'a' . a.a = 1 }]"]
)
def test_keys_of_too_many_parts_are_found(text: str) -> None:
    """Keys with too many parts are found before parsing, in every position of a key."""
    assert not has_long_key(text, 3)
    assert has_long_key(text, 2)
