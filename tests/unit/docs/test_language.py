"""Docstrings, comments and pages use the field's plain terms: words of private idiom stay rare."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: Words per 1,000; the docstrings, comments and pages of structlog, httpx and Prometheus stay below these.
LIMITS = {
    "parts that tell or say": (r"\b(tell|tells|told|telling|say|says|said|saying)\b", 1.0),
    "persons without a noun": (r"\b(nobody|somebody|whoever|everybody|whom)\b", 0.2),
    "parts that look": (r"\b(look|looks|looked|looking)\b", 0.7),
}


def prose() -> Iterator[str]:
    """Yield every docstring and comment of host and plugins."""
    for base in ("engram_discovery", "plugins"):
        for path in (ROOT / base).rglob("*.py"):
            if "tests" in path.parts:
                continue
            source = path.read_text()
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    yield ast.get_docstring(node) or ""
            tokens = tokenize.generate_tokens(io.StringIO(source).readline)
            yield from (token.string for token in tokens if token.type == tokenize.COMMENT)


def pages() -> Iterator[str]:
    """Yield every page, without its examples."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("plugins/*/README.md")]:
        if "_build" not in page.parts:
            yield re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("idiom", LIMITS)
@pytest.mark.parametrize("source", [prose, pages], ids=["code", "pages"])
def test_idiom_is_rare(source: Callable[[], Iterator[str]], idiom: str) -> None:
    """Per thousand words, as measured on the models of the field."""
    pattern, limit = LIMITS[idiom]
    text = "\n".join(source())

    rate = 1000 * len(re.findall(pattern, text, re.IGNORECASE)) / len(re.findall(r"[A-Za-z']+", text))

    assert rate < limit, f"{idiom}: {rate:.2f} per 1,000 words, at most {limit}"


def test_every_package_introduces_itself() -> None:
    """The docstring of a package says who calls it, what goes in and what comes out, with a drawing."""
    packages = [p for p in (ROOT / "engram_discovery").glob("*/__init__.py") if p.parent.name != "testing"]

    for path in packages:
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert "Called by:" in text, path
        assert "In:" in text, path
        assert "Out:" in text, path
        assert "──" in text or "->" in text, path
