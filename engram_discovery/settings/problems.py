"""Problems of settings, each with key, origin and remedy; pydantic's errors are translated into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engram_discovery.defaults import MAX_SIMILAR_PROBLEMS
from engram_discovery.errors import Problem
from engram_discovery.settings.field_info import FieldKind
from engram_discovery.settings.redaction import display_text, is_hidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sized

    from pydantic import ValidationError

    from engram_discovery.settings.field_info import FieldSpec
    from engram_discovery.settings.origins import Leaf

__all__ = [
    "Place",
    "bracket_remedy",
    "count_rest",
    "lower_first",
    "path_remedy",
    "type_problem",
    "validation_problems",
]


def count_rest(things: Sized, key: str, what: str) -> list[Problem]:
    """Return a problem that counts the things beyond ``MAX_SIMILAR_PROBLEMS``, which are reported one by one."""
    rest = len(things) - MAX_SIMILAR_PROBLEMS
    return [Problem(key, f"{rest} more {what}")] if rest > 0 else []


def lower_first(text: str) -> str:
    """Return a message of a library as messages of this package start: in lower case."""
    return text[:1].lower() + text[1:]


def path_remedy(path: object) -> str:
    """Return the remedy for a path with ``~``, which a shell would expand; an empty string for another path."""
    is_home = isinstance(path, str) and path.startswith("~")
    return "~ is not expanded: write the whole path" if is_home else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the effective value of a field was written.

    Attributes:
        key: The last part of the key, as it was written: ``refresh_interval_sec``.
        leaf: The value and its origin.
        spec: The specification of the field.
    """

    key: str
    leaf: Leaf
    spec: FieldSpec

    @property
    def hidden(self) -> bool:
        """Whether the value must not be shown."""
        return is_hidden(self.leaf, secret=self.spec.secret)


def type_problem(key: str, expected: str, place: Place) -> Problem:
    """Report a value of another kind than the field accepts."""
    if place.spec.kind is FieldKind.TABLE:  # the value may contain secrets of the table (ADR 11)
        return Problem(
            key, f"expected {expected}", str(place.leaf.origin), bracket_remedy(key, place.leaf.value)
        )
    got = "" if place.hidden else f", got {display_text(place.leaf.value)}"
    remedy = path_remedy(place.leaf.value) if place.spec.kind is FieldKind.PATH else ""
    return Problem(key, f"expected {expected}{got}", str(place.leaf.origin), remedy)


def bracket_remedy(key: str, value: Any) -> str:
    """Return the remedy for a table that was written as a list of tables; an empty string for another value."""
    is_list = isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    return f"write [{key}], not [[{key}]]" if is_list else ""


def validation_problems(
    error: ValidationError, root: tuple[str, ...], places: Mapping[tuple[str, ...], Place]
) -> Iterator[Problem]:
    """Translate pydantic's errors into problems. Of one table or list, the first ones are reported, the rest counted.

    Args:
        error: The error of the table at ``root``.
        root: Path of the table.
        places: Where each value was written, by the path of its field.
    """
    similar: dict[tuple[int | str, ...], list[Any]] = {}
    for item in error.errors(include_url=False):
        similar.setdefault(item["loc"][:-1], []).append(item)
    for above, items in similar.items():
        for item in items[:MAX_SIMILAR_PROBLEMS]:
            yield _validation_problem(item, root, places)
        yield from count_rest(items, ".".join((*root, *map(str, above))), "problems like these")


def _validation_problem(item: Any, root: tuple[str, ...], places: Mapping[tuple[str, ...], Place]) -> Problem:
    path = (*root, *(str(part) for part in item["loc"] if not isinstance(part, int)))
    index = next((f"[{part}]" for part in item["loc"] if isinstance(part, int)), "")
    known = next((path[:n] for n in range(len(path), len(root), -1) if path[:n] in places), None)
    if known is None:
        return _problem_without_place(".".join(path) + index, item)
    place = places[known]
    key = ".".join((*known[:-1], place.key, *path[len(known) :])) + index
    got = "" if place.hidden else f", got {display_text(item['input'])}"
    return Problem(key, _reason(item, place) + got, str(place.leaf.origin))


def _problem_without_place(key: str, item: Any) -> Problem:
    """Report a missing field, or an error of a model's validator for several fields."""
    if item["type"] == "missing":
        return Problem(key, "required, but not set", remedy="set it")
    return Problem(key, _validator_message(item) or _pydantic_message(item))


def _reason(item: Any, place: Place) -> str:
    own = _validator_message(item)
    if own:
        return _drop_quoted_secret(own, place.leaf.value) if place.hidden else own
    if item["type"].startswith("string_") and item["type"] != "string_type":  # its length or pattern
        return _pydantic_message(item)
    expected = place.spec.item if isinstance(item["loc"][-1], int) else place.spec.expected
    return f"expected {expected}" if expected else _pydantic_message(item)


def _validator_message(item: Any) -> str:
    """Return the message of a validator of this package or a plugin, or an empty string."""
    return str(item["ctx"]["error"]) if item["type"] in {"value_error", "assertion_error"} else ""


def _pydantic_message(item: Any) -> str:
    return lower_first(str(item["msg"]))


def _drop_quoted_secret(message: str, secret: Any) -> str:
    """Replace a message that contains the secret value, as that of a plugin's validator may (ADR 12)."""
    parts = secret if isinstance(secret, list | tuple) else [secret]
    quoted = any(str(part) in message for part in parts if str(part))
    return "not a value that is allowed here" if quoted else message
