"""Turn a tree of leaves into a model, or into every problem that it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from engram_discovery.settings.convert import convert
from engram_discovery.settings.fields import Kind, Want, want
from engram_discovery.settings.origins import Leaf, Tree, leaves
from engram_discovery.settings.problems import Problem
from engram_discovery.settings.redact import is_hidden, show
from engram_discovery.settings.secrets import Secret, read_secret
from engram_discovery.settings.values import expect_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Validated", "suggest", "validate", "written_forms"]

M = TypeVar("M", bound=BaseModel)

_FILE_REFERENCE = "file:"
_SECONDS = {"_sec": 1.0, "_ms": 0.001}


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
    outcome: Validated[M] = Validated(None, reading.problems, reading.warnings)
    try:
        outcome.model = model.model_validate(values)
    except ValidationError as error:
        outcome.problems += reading.translate(error, model, path)
    if outcome.problems:
        outcome.model = None
    return outcome


def written_forms(key: str, wanted: Want) -> tuple[str, ...]:
    """Return the other keys of a field: ``refresh_sec`` and ``refresh_ms``, or ``token_file``."""
    if wanted.secret and wanted.kind is not Kind.TABLE:
        return (f"{key}_file",)
    return tuple(key + suffix for suffix in _SECONDS) if wanted.kind is Kind.DURATION else ()


def suggest(key: str, known: list[str], *, cutoff: float = 0.6) -> str:
    """Return the nearest known name as a question, or nothing."""
    near = get_close_matches(key.lower(), known, n=1, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the effective value of a field was written, and what the field wants."""

    key: str
    leaf: Leaf
    want: Want


class _Reading:
    """One pass over a tree: converts what can be converted, and remembers where everything stood."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._places: dict[tuple[str, ...], _Place] = {}

    def table(self, model: type[BaseModel], tree: Tree, path: tuple[str, ...]) -> dict[str, Any]:
        """Convert one table; fields with a problem are left out."""
        wants = {name: want(info) for name, info in model.model_fields.items()}
        canonical = {form: name for name, wanted in wants.items() for form in written_forms(name, wanted)}
        canonical |= {name: name for name in wants}
        values: dict[str, Any] = {}
        for name, written in self._by_field(tree, canonical, path):
            wanted, node = wants[name], tree[written]
            if isinstance(node, dict) and wanted.model is not None:
                values[name] = self.table(wanted.model, node, (*path, name))
            elif isinstance(node, dict):
                self._mapping(values, name, node, wanted, path)
            else:
                self._leaf(values, name, written, node, wanted, path)
        return values

    def _by_field(
        self, tree: Tree, canonical: dict[str, str], path: tuple[str, ...]
    ) -> Iterator[tuple[str, str]]:
        """Pair each field with the key that it is written by: the higher layer's, if there are two."""
        chosen: dict[str, str] = {}
        for key, node in tree.items():
            if key not in canonical:
                self._unknown(key, node, list(canonical), path)
                continue
            other = chosen.setdefault(canonical[key], key)
            if other != key:
                chosen[canonical[key]] = self._higher(tree, other, key, path)
        yield from chosen.items()

    def _higher(self, tree: Tree, first: str, second: str, path: tuple[str, ...]) -> str:
        ranks = [node.origin.layer if isinstance(node := tree[key], Leaf) else -1 for key in (first, second)]
        if ranks[0] == ranks[1]:
            origin = str(tree[second].origin) if isinstance(tree[second], Leaf) else ""
            self._report(
                (*path, second), f"set together with {first}, which means the same", origin, "keep one"
            )
        return first if ranks[0] >= ranks[1] else second

    def _unknown(self, key: str, node: Leaf | Tree, known: list[str], path: tuple[str, ...]) -> None:
        leaf = node if isinstance(node, Leaf) else next((leaf for _, leaf in leaves(node)), None)
        kind = "key" if isinstance(node, Leaf) else "table"
        remedy = suggest(key, known) or (
            f"known are {', '.join(sorted(known))}" if known else "there are none"
        )
        self._report((*path, key), f"unknown {kind}", str(leaf.origin) if leaf else "", remedy)

    def _mapping(
        self, values: dict[str, Any], name: str, node: Tree, wanted: Want, path: tuple[str, ...]
    ) -> None:
        first = next((leaf for _, leaf in leaves(node)), None)
        if wanted.kind is not Kind.MAPPING:
            self._report(
                (*path, name), f"expected {wanted.expected}, got a table", str(first.origin) if first else ""
            )
            return
        if first is not None:
            self._places[(*path, name)] = _Place(name, first, wanted)
        values[name] = self._plain(node, wanted, (*path, name))

    def _plain(self, node: Tree, wanted: Want, path: tuple[str, ...]) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, below in node.items():
            if isinstance(below, dict):
                plain[key] = self._plain(below, wanted, (*path, key))
                continue
            self._places[(*path, key)] = _Place(key, below, wanted)
            plain[key] = self._secret(below.value, below, (*path, key)) if wanted.secret else below.value
        return plain

    def _leaf(
        self, values: dict[str, Any], name: str, written: str, leaf: Leaf, wanted: Want, path: tuple[str, ...]
    ) -> None:
        place = self._places[(*path, name)] = _Place(written, leaf, wanted)
        suffix = written.removeprefix(name)
        try:
            if suffix == "_file":
                values[name] = self._from_file(leaf, leaf.value, wanted, (*path, written))
            elif suffix in _SECONDS:
                values[name] = convert(leaf, Want(Kind.NUMBER, secret=False, expected="")) * _SECONDS[suffix]
            else:
                value = convert(leaf, wanted)
                values[name] = self._secrets(value, leaf, (*path, written)) if wanted.secret else value
        except ValueError:
            expected = "a number" if suffix in _SECONDS else wanted.expected or "another kind of value"
            self.problems.append(_mistyped((*path, written), expected, place))

    def _secrets(self, value: Any, leaf: Leaf, path: tuple[str, ...]) -> Any:
        if isinstance(value, list | tuple):
            return [self._secret(item, leaf, path) for item in value]
        return self._secret(value, leaf, path)

    def _secret(self, value: Any, leaf: Leaf, path: tuple[str, ...]) -> Any:
        """Follow a ``file:`` reference; a secret that cannot be read is a problem and stays out."""
        if isinstance(value, SecretStr):
            return value
        text = expect_text(value, "text")
        if not text.startswith(_FILE_REFERENCE):
            return Secret(text)
        return self._read(leaf, text.removeprefix(_FILE_REFERENCE), path)

    def _from_file(self, leaf: Leaf, name: Any, wanted: Want, path: tuple[str, ...]) -> Any:
        secret = self._read(leaf, name, path)
        if wanted.kind is not Kind.LIST:
            return secret
        return [Secret(line) for line in secret.get_secret_value().splitlines() if line.strip()]

    def _read(self, leaf: Leaf, name: Any, path: tuple[str, ...]) -> Secret:
        if not isinstance(name, str) or not name:
            raise ValueError
        file = (leaf.origin.directory or Path()) / name
        try:
            value, is_open = read_secret(file)
        except (OSError, ValueError) as error:
            reason = (error.strerror or "unreadable").lower() if isinstance(error, OSError) else str(error)
            self._report(path, f"the secret's file cannot be used: {file}: {reason}", str(leaf.origin))
            return Secret("", file)
        if is_open:
            self.warnings.append(
                Problem(
                    ".".join(path), f"{file} can be read by others", str(leaf.origin), f"chmod 600 {file}"
                )
            )
        return Secret(value, file)

    def translate(
        self, error: ValidationError, model: type[BaseModel], root: tuple[str, ...]
    ) -> Iterator[Problem]:
        """Turn pydantic's errors into problems, except for those whose field has a problem already."""
        reported = {problem.key for problem in self.problems}
        for item in error.errors(include_url=False, include_input=True):
            path = (*root, *(str(part) for part in item["loc"] if not isinstance(part, int)))
            index = next((part for part in item["loc"] if isinstance(part, int)), None)
            known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in self._places), None)
            place = self._places[known] if known else None
            key = ".".join((*known[:-1], place.key, *path[len(known) :]) if known and place else path)
            if key not in reported:
                yield _refused(key if index is None else f"{key}[{index}]", item, place)

    def _report(self, path: tuple[str, ...], found: str, origin: str, remedy: str = "") -> None:
        self.problems.append(Problem(".".join(path), found, origin, remedy))


def _mistyped(path: tuple[str, ...], expected: str, place: _Place) -> Problem:
    got = "" if is_hidden(place.leaf, secret=place.want.secret) else f", got {show(place.leaf.value)}"
    return Problem(".".join(path), f"expected {expected}{got}", str(place.leaf.origin))


def _refused(key: str, item: Any, place: _Place | None) -> Problem:
    if item["type"] == "missing" or place is None:
        missing = "required, but not set" if item["type"] == "missing" else _reason(item, None)
        return Problem(key, missing, remedy="set it" if item["type"] == "missing" else "")
    reason = _reason(item, place.want)
    if not is_hidden(place.leaf, secret=place.want.secret):
        reason += f", got {show(item['input'])}"
    return Problem(key, reason, str(place.leaf.origin))


def _reason(item: Any, wanted: Want | None) -> str:
    """Say what was expected. A plugin's own message about a secret is not repeated: it might quote it."""
    message = (
        str(item.get("ctx", {}).get("error", ""))
        if item["type"] in {"value_error", "assertion_error"}
        else ""
    )
    if message:
        return message
    expected = (wanted.item if isinstance(item["loc"][-1], int) else wanted.expected) if wanted else ""
    if expected:
        return f"expected {expected}"
    text = str(item["msg"])
    return text[:1].lower() + text[1:]
