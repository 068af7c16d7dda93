"""Settings from text: ``ENGRAM_CLUSTER__NETWORK__SWIM_BIND=…`` and ``--set network.swim_bind=…``.

Text has no type of its own. It stays as it was written until the model says what it wants: ``1e5`` is text
for a node id and a number for a number.
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

#: Names the settings files, separated as in PATH.
CONFIG_VARIABLE = "ENGRAM_CONFIG"

_PREFIX = "ENGRAM_"
_SEPARATOR = "__"

#: What Kubernetes sets in every pod for a service, which may be called engram-cluster.
_KUBERNETES = re.compile(
    r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z]+(_(PROTO|PORT|ADDR))?)?)\Z"
)


def from_environment(environ: Mapping[str, str]) -> tuple[Tree, list[Problem]]:
    """Read ``ENGRAM_CLUSTER__…`` variables; names are taken in lower case.

    Variables of other parts of the program (``ENGRAM_STORAGE__…``) are left alone; near misses of ours are
    problems.
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
    """Read ``key=value`` strings, as ``--set`` takes them. A later one of the same key wins."""
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
    """Split a dotted key. A leading ``cluster.`` may be left out: nothing inside the table has that name."""
    path = key.split(".")
    return path if path[0] == "cluster" else ["cluster", *path]


def put(tree: Tree, path: list[str], leaf: Leaf) -> Problem | None:
    """Set a leaf in a tree of tables.

    Returns:
        The problem, if the key is a table and a value at once, or two variables of one layer disagree on it.
    """
    if len(path) > MAX_TABLE_DEPTH:
        return Problem(str(leaf.origin), f"tables are nested deeper than {MAX_TABLE_DEPTH}")
    node = tree
    for part in path[:-1]:
        below = node.setdefault(part, {})
        if isinstance(below, Leaf):
            if part != "discovery":
                return _conflict(path, below, leaf)
            below = node[part] = {"type": below}  # the short form beside keys of the tagged table
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
    """Refuse a variable that was surely meant for us, rather than let the node start without it."""
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
