"""Aliases: the other keys of a field, the tagged form of discovery, and the nearest known key to an unknown one.

``refresh_sec`` and ``token_file`` are aliases of a field, by its type. ``discovery = "dns"`` with ``[cluster.dns]`` is
the form that every later step reads; the tagged ``[cluster.discovery]`` with ``type = "dns"`` is rewritten to it, layer
by layer, before the layers are merged (ADR 11).
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.errors import Problem
from engram_discovery.settings.field_info import FieldKind, field_specs
from engram_discovery.settings.origins import Leaf, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from engram_discovery.settings.field_info import FieldSpec

__all__ = ["FILE_SUFFIX", "SECONDS", "keys_of", "suggest", "untag_discovery", "written_forms"]

#: Suffix of a duration's key to its unit in seconds.
SECONDS = {"_sec": 1.0, "_ms": 0.001}

#: Suffix of the key that holds the path of a secret's file.
FILE_SUFFIX = "_file"


def written_forms(key: str, spec: FieldSpec) -> tuple[str, ...]:
    """Return the other keys of a field: ``refresh_sec`` and ``refresh_ms``, or ``token_file``."""
    if spec.secret and spec.kind not in {FieldKind.TABLE, FieldKind.MAPPING}:
        return (key + FILE_SUFFIX,)
    return tuple(key + suffix for suffix in SECONDS) if spec.kind is FieldKind.DURATION else ()


@lru_cache(maxsize=128)
def keys_of(model: type[BaseModel]) -> Mapping[str, str]:
    """Map every key and alias of a model's fields to the name of the field. Cached like ``field_specs``."""
    others = {form: name for name, spec in field_specs(model).items() for form in written_forms(name, spec)}
    return MappingProxyType({**others, **{name: name for name in field_specs(model)}})


def suggest(key: str, known: list[str], *, cutoff: float = 0.6) -> str:
    """Return the nearest known name as the remedy ``did you mean …?``, or an empty string."""
    near = get_close_matches(key.lower(), known, n=1, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else ""


def untag_discovery(layers: list[Tree]) -> list[Problem]:
    """Rewrite the tagged table of each ``[cluster]`` layer in place, lowest precedence first.

    A layer may set keys of the tagged table without ``type`` (``ENGRAM_CLUSTER__DISCOVERY__PORT``) if a layer
    below selects exactly one provider.
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
    provider = _single_provider(selected)
    if selected is None or provider is None:
        found = "the tagged form needs one provider" if selected else "the type of discovery is missing"
        return [Problem("cluster.discovery.type", found, _origin(options), 'write type = "static", "dns", …')]
    cluster["discovery"] = selected
    table = cluster.setdefault(provider, {})
    if isinstance(table, Leaf):
        return [Problem(f"cluster.{provider}", "expected a table", str(table.origin))]
    return _add_options(table, options, provider)


def _add_options(table: Tree, options: Tree, provider: str) -> list[Problem]:
    problems = []
    for key, option in options.items():
        existing = table.get(key)
        if isinstance(existing, Leaf) and isinstance(option, Leaf) and existing.value != option.value:
            found = f"disagrees with cluster.{provider}.{key} of the same layer ({existing.origin})"
            problems.append(Problem(f"cluster.discovery.{key}", found, str(option.origin), "keep one"))
        table.setdefault(key, option)
    return problems


def _single_provider(selected: Leaf | None) -> str | None:
    value = selected.value if selected else None
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) and value and "," not in value else None


def _origin(options: Tree) -> str:
    return next((str(option.origin) for option in options.values() if isinstance(option, Leaf)), "")
