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

from engram_discovery._text import comma_list
from engram_discovery.defaults import MAX_SIMILAR_PROBLEMS
from engram_discovery.errors import Problem
from engram_discovery.settings.aliases import FILE_SUFFIX, SECONDS, keys_of, suggest
from engram_discovery.settings.field_info import FieldKind, FieldSpec, field_specs
from engram_discovery.settings.field_types import split_list
from engram_discovery.settings.origins import Leaf, leaves
from engram_discovery.settings.problems import (
    Place,
    bracket_remedy,
    count_rest,
    type_problem,
    validation_problems,
)
from engram_discovery.settings.secrets import SecretResolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engram_discovery.settings.origins import Tree

__all__ = ["Validated", "validate"]

M = TypeVar("M", bound=BaseModel)

_BARE_NUMBER = FieldSpec(FieldKind.NUMBER, secret=False, expected="a number")


@dataclass(slots=True)
class Validated(Generic[M]):
    """The result of one table.

    Attributes:
        model: The model; None if there is any problem.
        problems: All problems of the table.
        warnings: Findings that an operator should check.
    """

    model: M | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def validate(model: type[M], tree: Tree, path: tuple[str, ...]) -> Validated[M]:
    """Validate the table ``tree`` at ``path`` with ``model``. Blocks while it reads the files of secrets."""
    reader = _TableReader()
    values = reader.table(model, tree, path)
    problems = [*reader.problems, *reader.secrets.problems]
    validated: M | None = None
    try:
        validated = model.model_validate(values)
    except ValidationError as error:
        reported = {problem.key for problem in problems} | reader.left_out
        problems += [
            found for found in validation_problems(error, path, reader.places) if found.key not in reported
        ]
    return Validated(None if problems else validated, problems, reader.secrets.warnings)


class _TableReader:
    """One pass over a tree: converts the values of known fields and records where each was written."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.secrets = SecretResolver()
        self.places: dict[tuple[str, ...], Place] = {}
        self.left_out: set[str] = set()
        """Fields that already have a problem: pydantic's error that they are missing is not a second one."""

    def table(self, model: type[BaseModel], tree: Tree, path: tuple[str, ...]) -> dict[str, Any]:
        """Convert one table; fields with a problem are left out."""
        known, canonical = field_specs(model), keys_of(model)
        self._report_unknown(tree, canonical, path)
        values: dict[str, Any] = {}
        for name, written in self._choose_keys(tree, canonical, path):
            spec, node, field_path = known[name], tree[written], (*path, name)
            try:
                if isinstance(node, Leaf):
                    values[name] = self._convert_leaf(node, written, spec, field_path)
                else:
                    values[name] = self._convert_table(node, spec, field_path)
            except ValueError:
                self._report_type(node, written, spec, field_path)
        return values

    def _choose_keys(
        self, tree: Tree, canonical: Mapping[str, str], path: tuple[str, ...]
    ) -> Iterator[tuple[str, str]]:
        """Pair each field with the key that sets it: that of the higher layer, if two keys do."""
        chosen: dict[str, str] = {}
        for key in tree:
            if key in canonical:
                other = chosen.get(canonical[key], key)
                chosen[canonical[key]] = key if other == key else self._higher_key(tree, other, key, path)
        yield from chosen.items()

    def _higher_key(self, tree: Tree, first: str, second: str, path: tuple[str, ...]) -> str:
        one, two = (next((leaf for _, leaf in leaves({"": tree[key]})), None) for key in (first, second))
        if one is None or two is None or one.origin.layer == two.origin.layer:
            found = f"set together with {first}, which means the same"
            self._report((*path, second), found, str(two.origin) if two else "", "keep one")
            return first
        return first if one.origin.layer > two.origin.layer else second

    def _report_unknown(self, tree: Tree, known: Mapping[str, str], path: tuple[str, ...]) -> None:
        unknown = [key for key in tree if key not in known]
        for key in unknown[:MAX_SIMILAR_PROBLEMS]:
            kind = "key" if isinstance(tree[key], Leaf) else "table"
            remedy = suggest(key, [*known]) or f"known are {comma_list(sorted(set(known.values())))}"
            if isinstance(tree[key], Leaf):
                remedy = bracket_remedy(".".join((*path, key)), tree[key].value) or remedy
            self._report((*path, key), f"unknown {kind}", _origin(tree[key]), remedy)
        self.problems += count_rest(unknown, ".".join(path), "unknown keys")

    def _convert_leaf(self, leaf: Leaf, written: str, spec: FieldSpec, path: tuple[str, ...]) -> Any:
        """Convert one value.

        Raises:
            ValueError: The value is of another kind.
        """
        self.places[path] = Place(written, leaf, spec)
        suffix, key = written.removeprefix(path[-1]), ".".join((*path[:-1], written))
        if suffix in SECONDS:
            return convert(leaf, _BARE_NUMBER) * SECONDS[suffix]
        if suffix == FILE_SUFFIX:
            read = self.secrets.read_list if spec.kind is FieldKind.LIST else self.secrets.read
            return read(leaf.value, leaf, key)
        value = convert(leaf, spec)
        return self.secrets.resolve(value, leaf, key) if spec.secret else value

    def _convert_table(self, node: Tree, spec: FieldSpec, path: tuple[str, ...]) -> dict[str, Any]:
        """Convert a table that is the value of a field: a nested model, or a mapping with free keys.

        Raises:
            ValueError: The field does not accept a table.
        """
        if spec.model is not None:
            return self.table(spec.model, node, path)
        if spec.kind is not FieldKind.MAPPING:
            raise ValueError
        for first in (leaf for _, leaf in leaves(node)):
            self.places.setdefault(path, Place(path[-1], first, spec))
        return {key: self._convert_free(below, spec, (*path, key)) for key, below in node.items()}

    def _convert_free(self, node: Leaf | Tree, spec: FieldSpec, path: tuple[str, ...]) -> Any:
        if not isinstance(node, Leaf):
            return self._convert_table(node, spec, path)
        self.places[path] = Place(path[-1], node, spec)
        return self.secrets.resolve(node.value, node, ".".join(path)) if spec.secret else node.value

    def _report_type(self, node: Leaf | Tree, written: str, spec: FieldSpec, path: tuple[str, ...]) -> None:
        key = (*path[:-1], written)
        self.left_out.add(".".join(path))
        bare = written.removeprefix(path[-1]) in SECONDS
        expected = _BARE_NUMBER.expected if bare else spec.expected or "another kind of value"
        if isinstance(node, Leaf):
            self.problems.append(type_problem(".".join(key), expected, Place(written, node, spec)))
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
#: TOML guarantees integers of 64 bits. Python's parser accepts larger ones, which consumers of a setting may not.
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


def convert(leaf: Leaf, spec: FieldSpec) -> Any:
    """Return the value in the type of ``spec``.

    Raises:
        ValueError: The value is of another kind. The message is empty: the caller reports what the field expects.
    """
    value = leaf.value
    match spec.kind:
        case FieldKind.BOOLEAN:
            return _boolean(value, is_text=leaf.is_text)
        case FieldKind.INTEGER:
            return _integer(value, is_text=leaf.is_text)
        case FieldKind.NUMBER:
            return _number(value, is_text=leaf.is_text)
        case FieldKind.PATH if isinstance(value, str) and value.startswith("~"):
            raise ValueError  # a directory named "~" would be created in the working directory
        case FieldKind.LIST if isinstance(value, str):
            return _list(value)
        case FieldKind.MAPPING if leaf.is_text:
            return _toml(value)
    if spec.kind is FieldKind.TABLE or (spec.kind is FieldKind.TEXT and not isinstance(value, str)):
        raise ValueError
    return value


def _boolean(value: Any, *, is_text: bool) -> bool:
    if is_text:
        value = _WORDS.get(value.lower())
    if isinstance(value, bool):
        return value
    raise ValueError


def _integer(value: Any, *, is_text: bool) -> int:
    if is_text and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _MIN_INTEGER <= value <= _MAX_INTEGER:
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
    """Parse a TOML list, or a comma list, whose first element may be ``[::1]:7946``."""
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
