"""Read settings from environment variables, from ``--set network.swim_bind=…`` and from mappings.

Text has no type of its own. ``validate`` converts it to the type of its field (ADR 11): ``1e5`` stays text for a node
id and becomes a number for a numeric field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from engram_discovery.defaults import MAX_TABLE_DEPTH
from engram_discovery.errors import Problem
from engram_discovery.settings.origins import Layer, Leaf, Origin, Tree, leaves

__all__ = ["CONFIG_VARIABLE", "from_assignments", "from_environment", "from_mapping", "full_path", "put"]

#: The variable that lists the settings files, separated as in PATH.
CONFIG_VARIABLE = "ENGRAM_CONFIG"

_PREFIX = "ENGRAM_"
_SEPARATOR = "__"

#: Variables that Kubernetes sets in every pod for a service, which may have the name engram-cluster.
_KUBERNETES = re.compile(
    r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z]+(_(PROTO|PORT|ADDR))?)?)\Z"
)


def from_environment(environ: Mapping[str, str]) -> tuple[Tree, list[Problem]]:
    """Read ``ENGRAM_CLUSTER__…`` variables; names are converted to lower case.

    Variables of other parts of the program (``ENGRAM_STORAGE__…``) are ignored. A misspelt ``ENGRAM_CLUSTER__…`` or
    ``ENGRAM_CONFIG`` is a problem.
    """
    tree: Tree = {}
    problems: list[Problem] = []
    for name in sorted(environ):
        if not name.upper().startswith(_PREFIX) or name == CONFIG_VARIABLE:
            continue
        path = name[len(_PREFIX) :].lower().split(_SEPARATOR)
        if not name.startswith(_PREFIX) or path[0] != "cluster" or not all(path[1:]) or len(path) == 1:
            problems += _misspelt_variable(name, path)
            continue
        problem = put(tree, path, Leaf(environ[name], Origin(Layer.ENVIRONMENT, name), is_text=True))
        problems += [problem] if problem else []
    return tree, problems


def from_assignments(assignments: Iterable[str]) -> tuple[Tree, list[Problem]]:
    """Read ``key=value`` strings in the format of ``--set``. A later one of the same key takes precedence."""
    tree: Tree = {}
    problems: list[Problem] = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        path = full_path(key.strip())
        if not equals or not all(path):
            problems.append(Problem("", f'expected KEY=VALUE, got "{key}"', origin="--set"))
            continue
        origin = Origin(Layer.COMMAND_LINE, f"--set {'.'.join(path)}")
        problem = put(tree, path, Leaf(text, origin, is_text=True))
        problems += [problem] if problem else []
    return tree, problems


def from_mapping(overrides: Mapping[str, Any], layer: Layer = Layer.KEYWORD) -> tuple[Tree, list[Problem]]:
    """Read a mapping of dotted keys or nested tables, with typed values."""
    tree: Tree = {}
    problems: list[Problem] = []
    for key, value in overrides.items():
        path = full_path(str(key))
        for sub_path, leaf in _flatten(value, path, Origin(layer, layer.name.lower())):
            problem = put(tree, sub_path, leaf)
            problems += [problem] if problem else []
    return tree, problems


def full_path(key: str) -> list[str]:
    """Split a dotted key. The prefix ``cluster.`` is optional: no key inside the table has that name (ADR 11)."""
    path = key.split(".")
    return path if path[0] == "cluster" else ["cluster", *path]


def put(tree: Tree, path: list[str], leaf: Leaf) -> Problem | None:
    """Set a leaf in a tree of tables.

    Returns:
        The problem, if the key is both a table and a value, or two variables of one layer disagree on it.
    """
    if len(path) > MAX_TABLE_DEPTH:
        return Problem(str(leaf.origin), f"tables are nested deeper than {MAX_TABLE_DEPTH}")
    node = tree
    for part in path[:-1]:
        below = node.setdefault(part, {})
        if isinstance(below, Leaf):
            if part != "discovery":
                return _conflict(path, below, leaf)
            below = node[part] = {"type": below}  # discovery=dns together with keys of the tagged table
        node = below
    existing = node.get(path[-1])
    if isinstance(existing, dict):
        if path[-1] != "discovery":
            return _conflict(path, next((found for _, found in leaves(existing)), leaf), leaf)
        return put(tree, [*path, "type"], leaf)
    if existing is not None and existing.origin != leaf.origin and existing.value != leaf.value:
        return _conflict(path, existing, leaf)
    node[path[-1]] = leaf
    return None


def _conflict(path: list[str], first: Leaf, second: Leaf) -> Problem:
    found = f"set by both {first.origin} and {second.origin}, which disagree"
    return Problem(".".join(path), found, remedy="keep one")


def _flatten(value: Any, path: list[str], origin: Origin) -> Iterable[tuple[list[str], Leaf]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _flatten(below, [*path, str(key)], origin)
    else:
        yield path, Leaf(value, origin)


def _misspelt_variable(name: str, path: list[str]) -> list[Problem]:
    """Report a variable that is a misspelling of a setting, so that the node does not start without it."""
    if _KUBERNETES.search(name):
        return []
    rest = name[len(_PREFIX) :].upper()
    meant = ""
    if rest.startswith("CLUSTER_"):
        meant = f"{_PREFIX}CLUSTER{_SEPARATOR}{rest.removeprefix('CLUSTER').strip('_')}"
    elif get_close_matches(path[0], ["cluster"], cutoff=0.8) and len(path) > 1:
        meant = _PREFIX + _SEPARATOR.join(["CLUSTER", *(part.upper() for part in path[1:])])
    elif get_close_matches(rest, ["CONFIG"], cutoff=0.8):
        meant = CONFIG_VARIABLE
    return [Problem(name, "unknown variable", remedy=f"did you mean {meant}?")] if meant else []
