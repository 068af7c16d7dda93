"""Bring the two ways to write discovery to one, layer by layer, before the layers are merged.

``discovery = "dns"`` with ``[cluster.dns]`` is the form that everything after this module sees; the tagged
``[cluster.discovery]`` with ``type = "dns"`` is rewritten to it.
"""

from __future__ import annotations

from engram_discovery.errors import Problem
from engram_discovery.settings.origins import Leaf, Tree

__all__ = ["untag_discovery"]


def untag_discovery(layers: list[Tree]) -> list[Problem]:
    """Rewrite the tagged table of each ``[cluster]`` layer in place, lowest precedence first.

    A layer may give keys of the tagged table without ``type`` (``ENGRAM_CLUSTER__DISCOVERY__PORT``) if a
    layer below says which single provider is meant.
    """
    problems: list[Problem] = []
    selected: Leaf | None = None
    for cluster in layers:
        tagged = cluster.get("discovery")
        if isinstance(tagged, dict):
            selected = tagged.pop("type", selected)
            problems += _untag(cluster, tagged, selected)
        elif tagged is not None:
            selected = tagged
    return problems


def _untag(cluster: Tree, options: Tree, selected: Leaf | None) -> list[Problem]:
    del cluster["discovery"]
    provider = _single(selected)
    if selected is None or provider is None:
        found = "the tagged form needs one provider" if selected else "the type of discovery is missing"
        return [Problem("cluster.discovery.type", found, _origin(options), 'write type = "static", "dns", …')]
    cluster["discovery"] = selected
    table = cluster.setdefault(provider, {})
    if isinstance(table, Leaf):
        return [Problem(f"cluster.{provider}", "expected a table", str(table.origin))]
    return _join(table, options, provider)


def _join(table: Tree, options: Tree, provider: str) -> list[Problem]:
    problems = []
    for key, option in options.items():
        there = table.get(key)
        if isinstance(there, Leaf) and isinstance(option, Leaf) and there.value != option.value:
            found = f"disagrees with cluster.{provider}.{key} of the same layer ({there.origin})"
            problems.append(Problem(f"cluster.discovery.{key}", found, str(option.origin), "keep one"))
        table.setdefault(key, option)
    return problems


def _single(selected: Leaf | None) -> str | None:
    value = selected.value if selected else None
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) and value and "," not in value else None


def _origin(options: Tree) -> str:
    return next((str(option.origin) for option in options.values() if isinstance(option, Leaf)), "")
