"""Turn a tree of leaves into a model, or into every problem that it has.

A value gets the type of its field, and nothing is guessed (ADR 11). Text from the environment or the command line is
converted to that type. Values from a file or a keyword have a type already: a quoted number is not a number, and
``true`` is not 1.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from engram_discovery.errors import Problem
from engram_discovery.settings.aliases import FILE_SUFFIX, SECONDS, keys_of, suggest
from engram_discovery.settings.field_info import FieldSpec, Kind, wants
from engram_discovery.settings.field_types import split_list
from engram_discovery.settings.origins import Leaf, leaves
from engram_discovery.settings.problems import MOST_ALIKE, Place, brackets, mistyped, refusals, rest_of
from engram_discovery.settings.secrets import SecretResolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engram_discovery.settings.origins import Tree

__all__ = ["Validated", "validate"]

M = TypeVar("M", bound=BaseModel)

_BARE_NUMBER = FieldSpec(Kind.NUMBER, secret=False, expected="a number")


@dataclass(slots=True)
class Validated(Generic[M]):
    """What came of one table.

    Attributes:
        model: The model; None if there is any problem.
        problems: Everything that is wrong.
        warnings: What an operator should look at.
    """

    model: M | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def validate(model: type[M], tree: Tree, path: tuple[str, ...]) -> Validated[M]:
    """Validate ``tree``, which stands at ``path``, by ``model``. Reads the files that secrets refer to."""
    reading = _Reading()
    values = reading.table(model, tree, path)
    problems = [*reading.problems, *reading.secrets.problems]
    validated: M | None = None
    try:
        validated = model.model_validate(values)
    except ValidationError as error:
        reported = {problem.key for problem in problems} | reading.left_out
        problems += [found for found in refusals(error, path, reading.places) if found.key not in reported]
    return Validated(None if problems else validated, problems, reading.secrets.warnings)


class _Reading:
    """One pass over a tree: converts what can be converted, and remembers where everything stood."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.secrets = SecretResolver()
        self.places: dict[tuple[str, ...], Place] = {}
        self.left_out: set[str] = set()
        """Fields that have a problem already: that they are missing now is no second one."""

    def table(self, model: type[BaseModel], tree: Tree, path: tuple[str, ...]) -> dict[str, Any]:
        """Convert one table; fields with a problem are left out."""
        known, canonical = wants(model), keys_of(model)
        self._unknown(tree, canonical, path)
        values: dict[str, Any] = {}
        for name, written in self._chosen(tree, canonical, path):
            wanted, node, field_path = known[name], tree[written], (*path, name)
            try:
                if isinstance(node, Leaf):
                    values[name] = self._leaf(node, written, wanted, field_path)
                else:
                    values[name] = self._below(node, wanted, field_path)
            except ValueError:
                self._mistyped(node, written, wanted, field_path)
        return values

    def _chosen(
        self, tree: Tree, canonical: Mapping[str, str], path: tuple[str, ...]
    ) -> Iterator[tuple[str, str]]:
        """Pair each field with the key that it is written by: the higher layer's, if there are two."""
        chosen: dict[str, str] = {}
        for key in tree:
            if key in canonical:
                other = chosen.get(canonical[key], key)
                chosen[canonical[key]] = key if other == key else self._higher(tree, other, key, path)
        yield from chosen.items()

    def _higher(self, tree: Tree, first: str, second: str, path: tuple[str, ...]) -> str:
        one, two = (next((leaf for _, leaf in leaves({"": tree[key]})), None) for key in (first, second))
        if one is None or two is None or one.origin.layer == two.origin.layer:
            found = f"set together with {first}, which means the same"
            self._report((*path, second), found, str(two.origin) if two else "", "keep one")
            return first
        return first if one.origin.layer > two.origin.layer else second

    def _unknown(self, tree: Tree, known: Mapping[str, str], path: tuple[str, ...]) -> None:
        unknown = [key for key in tree if key not in known]
        for key in unknown[:MOST_ALIKE]:
            kind = "key" if isinstance(tree[key], Leaf) else "table"
            remedy = suggest(key, [*known]) or f"known are {', '.join(sorted(set(known.values())))}"
            if isinstance(tree[key], Leaf):
                remedy = brackets(".".join((*path, key)), tree[key].value) or remedy
            self._report((*path, key), f"unknown {kind}", _origin(tree[key]), remedy)
        self.problems += rest_of(unknown, ".".join(path), "unknown keys")

    def _leaf(self, leaf: Leaf, written: str, wanted: FieldSpec, path: tuple[str, ...]) -> Any:
        """Convert one value.

        Raises:
            ValueError: It is of another kind.
        """
        self.places[path] = Place(written, leaf, wanted)
        suffix, key = written.removeprefix(path[-1]), ".".join((*path[:-1], written))
        if suffix in SECONDS:
            return convert(leaf, _BARE_NUMBER) * SECONDS[suffix]
        if suffix == FILE_SUFFIX:
            read = self.secrets.read_list if wanted.kind is Kind.LIST else self.secrets.read
            return read(leaf.value, leaf, key)
        value = convert(leaf, wanted)
        return self.secrets.resolve(value, leaf, key) if wanted.secret else value

    def _below(self, node: Tree, wanted: FieldSpec, path: tuple[str, ...]) -> dict[str, Any]:
        """Convert a table that is a field: of a model's keys, or of any.

        Raises:
            ValueError: The field is no table.
        """
        if wanted.model is not None:
            return self.table(wanted.model, node, path)
        if wanted.kind is not Kind.MAPPING:
            raise ValueError
        for first in (leaf for _, leaf in leaves(node)):
            self.places.setdefault(path, Place(path[-1], first, wanted))
        return {key: self._free(below, wanted, (*path, key)) for key, below in node.items()}

    def _free(self, node: Leaf | Tree, wanted: FieldSpec, path: tuple[str, ...]) -> Any:
        if not isinstance(node, Leaf):
            return self._below(node, wanted, path)
        self.places[path] = Place(path[-1], node, wanted)
        return self.secrets.resolve(node.value, node, ".".join(path)) if wanted.secret else node.value

    def _mistyped(self, node: Leaf | Tree, written: str, wanted: FieldSpec, path: tuple[str, ...]) -> None:
        key = (*path[:-1], written)
        self.left_out.add(".".join(path))
        bare = written.removeprefix(path[-1]) in SECONDS
        expected = _BARE_NUMBER.expected if bare else wanted.expected or "another kind of value"
        if isinstance(node, Leaf):
            self.problems.append(mistyped(".".join(key), expected, Place(written, node, wanted)))
        else:
            self._report(key, f"expected {expected}, got a table", _origin(node))

    def _report(self, path: tuple[str, ...], found: str, origin: str = "", remedy: str = "") -> None:
        self.problems.append(Problem(".".join(path), found, origin, remedy))


def _origin(node: Leaf | Tree) -> str:
    return next((str(leaf.origin) for _, leaf in leaves({"": node})), "")


_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
#: TOML promises integers of 64 bits; Python's parser reads any, and not everything behind us can.
_MOST = 2**63
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


def convert(leaf: Leaf, want: FieldSpec) -> Any:
    """Return the value as ``want`` wants it.

    Raises:
        ValueError: It is something else. The message is empty: the caller says what was expected.
    """
    value = leaf.value
    match want.kind:
        case Kind.TRUTH:
            return _truth(value, is_text=leaf.is_text)
        case Kind.INTEGER:
            return _integer(value, is_text=leaf.is_text)
        case Kind.NUMBER:
            return _number(value, is_text=leaf.is_text)
        case Kind.PATH if isinstance(value, str) and value.startswith("~"):
            raise ValueError  # a directory of that name would be made in the working directory
        case Kind.LIST if isinstance(value, str):
            return _list(value)
        case Kind.MAPPING if leaf.is_text:
            return _toml(value)
    if want.kind is Kind.TABLE or (want.kind is Kind.TEXT and not isinstance(value, str)):
        raise ValueError
    return value


def _truth(value: Any, *, is_text: bool) -> bool:
    if is_text:
        value = _WORDS.get(value.lower())
    if isinstance(value, bool):
        return value
    raise ValueError


def _integer(value: Any, *, is_text: bool) -> int:
    if is_text and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -_MOST <= value < _MOST:
        return value
    raise ValueError


def _number(value: Any, *, is_text: bool) -> float:
    number = float(value) if is_text else value
    if isinstance(number, int):
        return _integer(number, is_text=False)
    if not isinstance(number, float) or not math.isfinite(number):
        raise ValueError
    return number


def _list(text: str) -> Any:
    """Read a TOML list, or a comma list, whose first element may be ``[::1]:7946``."""
    if text.lstrip().startswith("["):
        try:
            return _toml(text)
        except ValueError:
            if text.lstrip()[1:].lstrip().startswith(("'", '"')):
                raise
    return split_list(text)


def _toml(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        raise ValueError from None
    if set(document) != {"value"}:
        raise ValueError
    return document["value"]
