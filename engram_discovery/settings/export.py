"""Export the declarations of the settings: the reference page, a commented starter file, the JSON Schema.

All three are made from the models that validate (ADR 11). Editors use the JSON Schema for TOML too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from engram_discovery._text import comma_list
from engram_discovery.settings.aliases import written_forms
from engram_discovery.settings.field_info import FieldKind, field_spec
from engram_discovery.settings.models import ClusterSettings
from engram_discovery.settings.show import UNSET, default_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from engram_discovery.settings.field_info import FieldSpec

__all__ = ["json_schema", "reference_page", "starter_file"]

_INTRODUCTION = """\
# Settings

`engram-discovery config reference` generates this page. Do not edit it.

Every key can be set in `engram.toml`, in `.secrets.toml` beside it, as an environment variable, with `--set`
and from code; the later of these takes precedence, key by key. Lists are replaced, not joined.
`engram-discovery config explain KEY` shows every layer that sets a key, and the effective one.

The environment variable of a key is its name in capitals with two underscores between the parts:
`cluster.network.swim_bind` is `ENGRAM_CLUSTER__NETWORK__SWIM_BIND`. `ENGRAM_CONFIG` lists the settings
files. `--set` accepts `KEY=VALUE`; the prefix `cluster.` is optional.

A duration is a number of seconds or text such as `"250ms"`, `"30s"`, `"1m30s"` or `"1d"`; `KEY_sec` and
`KEY_ms` accept the bare number. A secret can also be given as `KEY_file = "PATH"` or `KEY = "file:PATH"`.
A list can also be given as text with commas. `~` in a path is not expanded. A file holds at most 1 MiB and 10,000
keys, tables and list elements.
"""


def reference_page(providers: Mapping[str, type[BaseModel]]) -> str:
    """Return the reference of all settings in Markdown."""
    parts = [_INTRODUCTION, *_reference_tables(ClusterSettings, "cluster")]
    for name in sorted(providers):
        parts += _reference_tables(providers[name], f"cluster.{name}")
    return "\n".join(parts)


def starter_file(provider: str, model: type[BaseModel]) -> str:
    """Return a settings file for one provider; every other key is a comment with its default."""
    lines = [
        "# Settings of engram-discovery. Lines that are commented out show the defaults.",
        "# Secrets belong into .secrets.toml beside this file (chmod 600) or into the environment.",
        "",
        "[cluster]",
        "enabled = true",
        f'discovery = "{provider}"',
        *_starter_keys(ClusterSettings, skip=("enabled", "discovery")),
        *_starter_table(model, f"cluster.{provider}"),
        *_subtables(ClusterSettings, "cluster"),
    ]
    return "\n".join([*lines, ""])


def _reference_tables(model: type[BaseModel], path: str) -> Iterator[str]:
    yield f"## `[{path}]`\n\n{(model.__doc__ or '').strip().splitlines()[0]}\n"
    yield "| key | takes | default | meaning |\n| --- | --- | --- | --- |"
    below = []
    for name, field in model.model_fields.items():
        spec = field_spec(field)
        if spec.model is not None:
            below.append((spec.model, f"{path}.{name}"))
            continue
        forms = comma_list(f"`{form}`" for form in (name, *written_forms(name, spec)))
        takes, default = _cell(spec.expected), _cell(_default(field, spec))
        yield f"| {forms} | {takes} | {default} | {_cell(field.description or name)} |"
    yield ""
    for nested, nested_path in below:
        yield from _reference_tables(nested, nested_path)


def _default(field: FieldInfo, spec: FieldSpec) -> str:
    if field.is_required():
        return "required"
    text = default_text(field.get_default(call_default_factory=True), spec)
    return text if text == UNSET else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _starter_table(model: type[BaseModel], path: str) -> list[str]:
    return ["", f"[{path}]", *_starter_keys(model), *_subtables(model, path)]


def _subtables(model: type[BaseModel], path: str) -> list[str]:
    below = [(name, field_spec(field).model) for name, field in model.model_fields.items()]
    return [line for name, nested in below if nested for line in _starter_table(nested, f"{path}.{name}")]


def _starter_keys(model: type[BaseModel], skip: tuple[str, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        spec = field_spec(field)
        if spec.model is None and name not in skip:
            yield f"# {field.description or name}"
            yield f"# {name} = {_literal(field, spec)}"


def _literal(field: FieldInfo, spec: FieldSpec) -> str:
    if field.is_required():
        return f"… ({spec.expected}; required)"
    text = default_text(field.get_default(call_default_factory=True), spec)
    if text == UNSET:
        return f"… ({spec.expected})"
    return f'"{text}"' if spec.kind is FieldKind.DURATION else text


_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(providers: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return the schema of a settings file, with the tables of the given providers.

    Tables of other providers and of other parts of the program are allowed as they are.
    """
    roots: list[type[BaseModel]] = [ClusterSettings, *providers.values()]
    models = list(dict.fromkeys(model for root in roots for model in _models_within(root)))
    references, document = models_json_schema([(model, "validation") for model in models])
    definitions = document["$defs"]
    names = {model: references[model, "validation"]["$ref"].removeprefix("#/$defs/") for model in models}
    for model, name in names.items():
        _add_written_forms(model, definitions[name]["properties"])
    cluster = definitions[names[ClusterSettings]]
    cluster["additionalProperties"] = {"type": "object"}
    for provider, model in providers.items():
        cluster["properties"][provider] = {"$ref": f"#/$defs/{names[model]}"}
    _add_tagged_discovery(cluster["properties"]["discovery"])
    return {
        "$schema": _DIALECT,
        "title": "Settings of engram-discovery",
        "type": "object",
        "properties": {"cluster": {"$ref": f"#/$defs/{names[ClusterSettings]}"}},
        "$defs": definitions,
    }


def _models_within(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        below = field_spec(field).model
        if below is not None:
            yield from _models_within(below)


def _add_written_forms(model: type[BaseModel], properties: dict[str, Any]) -> None:
    for name, field in model.model_fields.items():
        if field_spec(field).kind is FieldKind.LIST:
            _allow_text(properties[name])
        for form in written_forms(name, field_spec(field)):
            kind = "string" if form.endswith("_file") else "number"
            properties[form] = {"type": kind, "description": f"{field.description} Instead of {name}."}


def _allow_text(schema: dict[str, Any]) -> None:
    """Allow text with commas in place of a list, as ``validate`` does."""
    about = {"title", "description", "default"}
    options = schema.get("anyOf") or [{key: schema.pop(key) for key in [*schema] if key not in about}]
    schema["anyOf"] = [*options, *([] if {"type": "string"} in options else [{"type": "string"}])]


def _add_tagged_discovery(discovery: dict[str, Any]) -> None:
    tagged = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}
    discovery["anyOf"] = [*discovery["anyOf"], tagged]
