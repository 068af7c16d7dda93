"""First-party plugins and the template use only what a third party can use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from engram_discovery import provider

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    [
        *ROOT.glob("plugins/*/src/**/*.py"),
        *ROOT.glob("examples/json_file_provider/src/*.py"),
        *ROOT.glob("engram_discovery/templates/plugin/src/package/*.tmpl"),
    ]
)


def imports_of_the_host(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of every import from the host."""
    source = path.read_text().replace("$package", "package").replace("$name", "name")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "engram_discovery":
            yield from ((str(node.module), alias.name) for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_import_from_provider_alone(path: Path) -> None:
    """Everything of the host comes from ``engram_discovery.provider``, and is public there."""
    found = list(imports_of_the_host(path))

    assert {module for module, _ in found} <= {"engram_discovery.provider"}
    assert {name for _, name in found} <= set(provider.__all__)


def test_public_names_exist_and_are_sorted() -> None:
    """``__all__`` lists names that the module has, each once."""
    assert all(hasattr(provider, name) for name in provider.__all__)
    assert len(set(provider.__all__)) == len(provider.__all__)
