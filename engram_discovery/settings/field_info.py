"""The specification of a model's field, read from its annotation. Only this module inspects pydantic's fields.

Loading, error messages, ``config show``, the schema and the reference all use it, so they cannot disagree (ADR 11).
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, PlainValidator, SecretStr, WrapValidator

from engram_discovery._text import comma_list

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["FieldKind", "FieldSpec", "Phrase", "expect_text", "field_spec", "field_specs"]


class FieldKind(StrEnum):
    """The kinds of setting that are distinguished before validation."""

    BOOLEAN = "bool"
    INTEGER = "int"
    NUMBER = "float"
    TEXT = "str"
    LIST = "list"
    MAPPING = "mapping"
    TABLE = "table"
    DURATION = "duration"
    PATH = "path"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a type accepts, in words, for error messages; part of its ``Annotated``, beside the validator."""

    text: str
    kind: FieldKind = FieldKind.OTHER


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """The specification of one field.

    Attributes:
        kind: Its kind.
        secret: Whether it holds secrets, alone or in a list or mapping.
        expected: What it accepts, in words: ``an integer 1..65535``.
        item: What each element of a list accepts, in words.
        model: The model of a table.
    """

    kind: FieldKind
    secret: bool
    expected: str
    item: str = ""
    model: type[BaseModel] | None = None


_SCALARS: Mapping[Any, tuple[FieldKind, str]] = {
    bool: (FieldKind.BOOLEAN, "true or false"),
    int: (FieldKind.INTEGER, "an integer"),
    float: (FieldKind.NUMBER, "a number"),
    str: (FieldKind.TEXT, "text"),
}


@lru_cache(maxsize=128)
def field_specs(model: type[BaseModel]) -> Mapping[str, FieldSpec]:
    """Return the specification of each field of a model. Cached: a model is constant, and a field costs 0.01 ms."""
    return MappingProxyType({name: field_spec(field) for name, field in model.model_fields.items()})


def field_spec(field: FieldInfo) -> FieldSpec:
    """Return the specification of one field of a pydantic model."""
    return _spec(field.annotation, tuple(field.metadata))


def _spec(annotation: Any, metadata: tuple[Any, ...]) -> FieldSpec:
    annotation, metadata = _bare(annotation, metadata)
    secret = _holds_secrets(annotation)
    phrase = next((item for item in metadata if isinstance(item, Phrase)), None)
    if phrase:
        return FieldSpec(phrase.kind, secret, phrase.text, _item(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return FieldSpec(FieldKind.TABLE, secret, "a table", model=annotation)
    origin = get_origin(annotation) or annotation
    if origin in {list, tuple, set, frozenset}:
        item = _item(annotation)
        return FieldSpec(FieldKind.LIST, secret, f"a list, each {item}" if item else "a list", item)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return FieldSpec(FieldKind.MAPPING, secret, "a table")
    choices = _choices(annotation)
    if choices:
        return FieldSpec(FieldKind.OTHER, secret, "one of " + comma_list(f'"{choice}"' for choice in choices))
    if annotation in _SCALARS and not any(
        isinstance(item, BeforeValidator | PlainValidator | WrapValidator) for item in metadata
    ):
        kind, text = _SCALARS[annotation]
        return FieldSpec(kind, secret, text + _bounds(metadata))
    if annotation is Path:
        return FieldSpec(FieldKind.PATH, secret, "a path")
    return FieldSpec(FieldKind.OTHER, secret, "text" if secret else "")


def _bare(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Unwrap ``X | None`` and ``Annotated``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *inner = get_args(annotation)
            metadata = (*inner, *metadata)
            continue
        rest = [option for option in get_args(annotation) if option is not types.NoneType]
        if get_origin(annotation) not in {Union, types.UnionType} or len(rest) != 1:
            return annotation, metadata
        annotation = rest[0]


def _item(annotation: Any) -> str:
    options = [option for option in get_args(annotation) if option is not ...]
    return _spec(options[0], ()).expected if len(options) == 1 else ""


def _holds_secrets(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return True
    return any(_holds_secrets(option) for option in get_args(annotation))


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(member.value for member in annotation)
    return ()


def _bounds(metadata: tuple[Any, ...]) -> str:
    found = {
        name: getattr(item, name)
        for item in metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(item, name)
    }
    if "ge" in found and "le" in found:
        return f" {found['ge']}..{found['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    return " and".join(f" {words[name]} {limit}" for name, limit in found.items())


def expect_text(value: Any, what: str) -> str:
    """Return ``value`` if it is text.

    Raises:
        ValueError: It is not text; pydantic expects a ValueError of a validator.
    """
    if isinstance(value, str):
        return value
    raise ValueError(f"expected {what}")
