"""Rows and explanations of the ``config`` commands: every key with its value and origin, secrets redacted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from engram_discovery._text import comma_list
from engram_discovery.settings.aliases import suggest, written_forms
from engram_discovery.settings.field_info import FieldKind, FieldSpec, field_spec
from engram_discovery.settings.field_types import format_duration
from engram_discovery.settings.models import ClusterSettings
from engram_discovery.settings.redaction import HIDDEN, display_text, is_hidden, mask_userinfo

if TYPE_CHECKING:
    from engram_discovery.settings.assemble import Settings
    from engram_discovery.settings.origins import Leaf, Origins

__all__ = ["Explanation", "Row", "explain", "key_specs", "rows"]

#: Text of a setting without value and default.
UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Row:
    """One effective setting.

    Attributes:
        key: Dotted key.
        value: JSON-serialisable; a secret is ``****``.
        text: The value as text for a table.
        origin: Its origin; ``default`` if no layer sets it.
        is_default: Whether no layer sets it.
    """

    key: str
    value: Any
    text: str
    origin: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of one key.

    Attributes:
        key: Dotted key.
        expected: What it accepts, in words.
        description: Its meaning.
        layers: Layer, value and origin of each layer that sets it, lowest precedence first. The last one is
            effective; for a table of free keys, the last one that sets each of them.
        merged: Whether it is a table of free keys.
        default: The default as text; ``required`` or ``unset`` without one.
    """

    key: str
    expected: str
    description: str
    layers: tuple[tuple[str, str, str], ...]
    merged: bool
    default: str


def rows(settings: Settings, models: Mapping[str, BaseModel]) -> Iterator[Row]:
    """Yield every effective setting.

    Args:
        settings: The settings.
        models: Provider to its validated settings. Tables of other providers are shown without values, because
            without a model their secrets are unknown (ADR 12).
    """
    yield from _rows(settings.cluster, "cluster", settings.origins)
    for name, model in models.items():
        yield from _rows(model, f"cluster.{name}", settings.origins)
    for name in settings.provider_tables:
        if name not in models:
            for key in settings.origins:
                if key.startswith(f"cluster.{name}."):
                    yield Row(key, HIDDEN, HIDDEN, str(settings.origins[key]), is_default=False)


def explain(key: str, origins: Origins, models: Mapping[str, type[BaseModel]]) -> Explanation:
    """Explain which layers set a key, and which one is effective.

    Raises:
        KeyError: The key is unknown; the argument is a suggestion, or empty.
    """
    specs = key_specs(models)
    if key not in specs:
        below = [other for other in specs if other.startswith(f"{key}.")]
        raise KeyError(f"it is a table of {comma_list(below)}" if below else suggest(key, list(specs)))
    spec, description, default = specs[key]
    name = key.rpartition(".")[2]
    found = [
        leaf for form in (name, *written_forms(name, spec)) for leaf in origins.layers_of(_sibling(key, form))
    ]
    if spec.kind is FieldKind.MAPPING:
        below = [other for other in origins if other.startswith(f"{key}.")]
        found += [leaf for other in below for leaf in origins.layers_of(other)]
    layers = tuple(
        (leaf.origin.layer.name.lower().replace("_", " "), _layer_text(leaf, spec), str(leaf.origin))
        for leaf in sorted(found, key=lambda leaf: leaf.origin.layer)
    )
    return Explanation(key, spec.expected, description, layers, spec.kind is FieldKind.MAPPING, default)


def key_specs(models: Mapping[str, type[BaseModel]]) -> dict[str, tuple[FieldSpec, str, str]]:
    """Return specification, description and default of each key of the host and the given providers."""
    found: dict[str, tuple[FieldSpec, str, str]] = {}
    _collect(ClusterSettings, "cluster", found)
    for name, model in models.items():
        _collect(model, f"cluster.{name}", found)
    return found


def default_text(value: Any, spec: FieldSpec) -> str:
    """Format a default, or any validated value, as text."""
    plain = _json_value(value)
    if plain is None:
        return UNSET
    return format_duration(plain) if spec.kind is FieldKind.DURATION else display_text(plain)


def _collect(model: type[BaseModel], prefix: str, found: dict[str, tuple[FieldSpec, str, str]]) -> None:
    for name, field in model.model_fields.items():
        spec = field_spec(field)
        if spec.model is not None:
            _collect(spec.model, f"{prefix}.{name}", found)
            continue
        default = (
            "required"
            if field.is_required()
            else default_text(field.get_default(call_default_factory=True), spec)
        )
        found[f"{prefix}.{name}"] = (spec, field.description or "", default)


def _rows(model: BaseModel, prefix: str, origins: Origins) -> Iterator[Row]:
    for name, field in type(model).model_fields.items():
        value, spec, key = getattr(model, name), field_spec(field), f"{prefix}.{name}"
        if isinstance(value, BaseModel):
            yield from _rows(value, key, origins)
            continue
        leaf = _effective_leaf(key, spec, origins)
        if leaf is None:
            yield Row(key, _json_value(value), default_text(value, spec), "default", is_default=True)
        elif is_hidden(leaf, secret=spec.secret):
            yield Row(key, HIDDEN, HIDDEN, str(leaf.origin), is_default=False)
        else:
            yield Row(key, _json_value(value), default_text(value, spec), str(leaf.origin), is_default=False)


def _effective_leaf(key: str, spec: FieldSpec, origins: Origins) -> Leaf | None:
    forms = (key, *(_sibling(key, form) for form in written_forms(key.rpartition(".")[2], spec)))
    found = [leaf for form in forms if (leaf := origins.leaf(form)) is not None]
    below = [leaf for other in origins if other.startswith(f"{key}.") and (leaf := origins.leaf(other))]
    return max([*found, *below], key=lambda leaf: leaf.origin.layer, default=None)


def _sibling(key: str, name: str) -> str:
    return f"{key.rpartition('.')[0]}.{name}"


def _layer_text(leaf: Leaf, spec: FieldSpec) -> str:
    return HIDDEN if is_hidden(leaf, secret=spec.secret) else display_text(leaf.value)


def _json_value(value: Any) -> Any:
    """Convert a validated value to JSON types, with secrets redacted."""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, BaseModel):
        return {name: _json_value(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_value(item) for item in value]
    return value if isinstance(value, int | float | bool) or value is None else mask_userinfo(str(value))
