"""Origins of values: the layers in order, and the leaf that carries its origin through the merge (ADR 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path  # noqa: TC003  a field of a public dataclass, resolved by introspection
from typing import Any, TypeAlias

from engram_discovery.settings.toml_lines import Document  # noqa: TC001  like Path

__all__ = ["Layer", "Leaf", "Origin", "Origins", "Tree", "leaves"]


class Layer(IntEnum):
    """The layers, in rising precedence. Within ``FILE``, a later file takes precedence."""

    DEFAULT = 0
    FILE = 1
    SECRETS = 2
    ENVIRONMENT = 3
    COMMAND_LINE = 4
    KEYWORD = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a value; ``str()`` is the text for messages: file and line, variable, or option.

    Attributes:
        layer: The layer.
        name: Path of the file, name of the variable, or ``--set KEY``.
        path: Path of the key in ``document``.
        document: The file's text, if it is a file.
        directory: Base of relative ``*_file`` paths; None for the working directory.
    """

    layer: Layer
    name: str = ""
    path: tuple[str, ...] = ()
    document: Document | None = field(default=None, repr=False, compare=False)
    directory: Path | None = field(default=None, repr=False, compare=False)

    @property
    def line(self) -> int | None:
        """The line in the file, counted from 1; computed at the first access."""
        return self.document.line(self.path) if self.document else None

    def __str__(self) -> str:
        line = self.line
        if line is not None:
            return f"{self.name}:{line}"
        return self.name or self.layer.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One value with its origin. An opaque object, so that dynaconf can neither read nor convert the value (ADR 10).

    Attributes:
        value: The value as it was written. May be a secret, so the repr leaves it out.
        origin: The origin.
        is_text: Whether the value is text without a type of its own (environment, command line).
    """

    value: Any = field(repr=False)
    origin: Origin
    is_text: bool = False


Tree: TypeAlias = dict[str, Any]
"""Tables as dicts, everything else (lists included) as ``Leaf``."""


def leaves(tree: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    """Yield every leaf below ``tree`` with its path."""
    for key, node in tree.items():
        if isinstance(node, Leaf):
            yield (*prefix, key), node
        else:
            yield from leaves(node, (*prefix, key))


class Origins(Mapping[str, Origin]):
    """Dotted key to the origin of its effective value; a key that has its default is absent.

    ``layers_of`` returns the leaves of every layer that set a key. The repr shows no value.
    """

    __slots__ = ("_effective", "_layers")

    def __init__(self, effective: Tree, layers: tuple[Tree, ...] = ()) -> None:
        self._effective = {".".join(path): leaf for path, leaf in leaves(effective)}
        self._layers = layers or (effective,)

    def __getitem__(self, key: str) -> Origin:
        return self._effective[key].origin

    def __iter__(self) -> Iterator[str]:
        return iter(self._effective)

    def __len__(self) -> int:
        return len(self._effective)

    def __repr__(self) -> str:
        return f"Origins({len(self)} keys)"

    def leaf(self, key: str) -> Leaf | None:
        """Return the effective leaf of a key, or None if the key has its default."""
        return self._effective.get(key)

    def layers_of(self, key: str) -> tuple[Leaf, ...]:
        """Return the leaf of each layer that sets a key, lowest precedence first; the last one is effective."""
        path = tuple(key.split("."))
        return tuple(leaf for layer in self._layers for found, leaf in leaves(layer) if found == path)
