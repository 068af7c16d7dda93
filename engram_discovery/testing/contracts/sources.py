"""Find forbidden calls in a plugin's source, even where no test runs it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

__all__ = ["ENVIRONMENT", "LOGGING", "find_uses"]

#: Reading or changing the environment.
ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"})

#: Configuring logging.
LOGGING = frozenset(
    {"logging.basicConfig", "logging.config.dictConfig", "logging.config.fileConfig", "structlog.configure"}
)


def find_uses(module: ModuleType, names: frozenset[str]) -> list[str]:
    """Return where ``module``, or its package, uses any of these dotted names: ``file:line name``."""
    return [
        f"{path.name}:{line} {name}"
        for path in _files(module)
        for name, line in _names(ast.parse(path.read_text(encoding="utf-8")))
        if name in names
    ]


def _files(module: ModuleType) -> list[Path]:
    if module.__file__ is None:
        return []
    file = Path(module.__file__)
    return sorted(file.parent.rglob("*.py")) if module.__package__ else [file]


def _names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every dotted name and every imported one, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node), node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
