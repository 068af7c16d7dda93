"""Read TOML settings files: bounded in size, without blocking on a pipe, with the line of every key.

A bad file is returned as a ``Problem``, not raised: all files are read before the problems are reported, and no
traceback contains a frame that holds the text of a file (ADR 12).
"""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engram_discovery._text import error_text
from engram_discovery.defaults import MAX_SETTINGS_FILE_SIZE, MAX_SETTINGS_PARTS, MAX_TABLE_DEPTH
from engram_discovery.errors import Problem
from engram_discovery.settings.origins import Layer, Leaf, Origin, Tree
from engram_discovery.settings.problems import lower_first
from engram_discovery.settings.toml_lines import Document, has_long_key, has_more_parts

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "SECRETS_FILE",
    "SettingsFile",
    "read_bounded",
    "read_settings_file",
]

#: Name of the secrets file, in the directory of the settings file.
SECRETS_FILE = ".secrets.toml"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The result of reading one file.

    Attributes:
        tree: Its tables; empty if there is a problem.
        problems: The reasons why the file cannot be used.
        warnings: Findings that an operator should check.
    """

    tree: Tree
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_settings_file(path: Path, layer: Layer, *, named_by: str = "") -> SettingsFile:
    """Read one TOML file into leaves with origins. Blocks for one bounded read; reports errors as problems."""
    try:
        data, mode = read_bounded(path, MAX_SETTINGS_FILE_SIZE)
    except (OSError, ValueError) as error:
        return SettingsFile({}, (_unreadable(path, error, named_by),))
    document = _parse(data)
    if isinstance(document, str):
        return SettingsFile({}, (Problem("", document, origin=str(path)),))
    text, tables = document
    tree = _leaves(tables, Origin(layer, str(path), (), Document(text), path.parent))
    return SettingsFile(tree, warnings=_permission_warnings(path, layer, mode))


def read_bounded(path: Path, limit: int) -> tuple[bytes, int]:
    """Read a regular file of at most ``limit`` bytes; return its bytes and its mode.

    Opens with ``O_NONBLOCK``, so that a pipe or a device is rejected instead of blocking the call.

    Raises:
        OSError: The file cannot be opened.
        ValueError: Not a regular file, or too large; the message gives the reason.
    """
    _expect_regular(path.stat().st_mode)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        _expect_regular(mode)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"larger than {limit // 1024} KiB")
    return data, mode


def _expect_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ValueError("a directory, not a file")
    if not stat.S_ISREG(mode):
        raise ValueError("a pipe, socket or device, not a regular file")


def _unreadable(path: Path, error: OSError | ValueError, named_by: str) -> Problem:
    by = f" (named by {named_by})" if named_by else ""
    if isinstance(error, FileNotFoundError):
        return Problem("", f"settings file not found: {path}{by}", remedy="create it or name another one")
    return Problem("", f"settings file cannot be used: {path}{by}: {lower_first(error_text(error))}")


def _parse(data: bytes) -> tuple[str, dict[str, Any]] | str:
    """Return text and tables, or the reason of the failure; the reason contains no value of the file."""
    too_deep = f"tables are nested deeper than {MAX_TABLE_DEPTH}"
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start})"
    if has_long_key(text, MAX_TABLE_DEPTH):
        return too_deep
    if has_more_parts(text, MAX_SETTINGS_PARTS):
        return f"more than {MAX_SETTINGS_PARTS} keys, tables and list elements"
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return f"not valid TOML: {lower_first(str(error))}"
    except RecursionError:
        return "not valid TOML: nested too deeply"
    except ValueError:
        return "not valid TOML: a number is out of range"
    return too_deep if _too_deep(tables, MAX_TABLE_DEPTH) else (text, tables)


def _too_deep(node: Any, allowed: int) -> bool:
    if isinstance(node, dict):
        return allowed == 0 or any(_too_deep(child, allowed - 1) for child in node.values())
    if isinstance(node, list):
        return allowed == 0 or any(_too_deep(child, allowed - 1) for child in node)
    return False


def _leaves(node: dict[str, Any], above: Origin) -> Tree:
    tree: Tree = {}
    for key, value in node.items():
        origin = Origin(above.layer, above.name, (*above.path, key), above.document, above.directory)
        tree[key] = _leaves(value, origin) if isinstance(value, dict) else Leaf(value, origin)
    return tree


def _permission_warnings(path: Path, layer: Layer, mode: int) -> tuple[Problem, ...]:
    if layer is not Layer.SECRETS or not mode & stat.S_IROTH:
        return ()
    return (Problem("", f"{path} can be read by others", remedy=f"chmod 600 {path}"),)
