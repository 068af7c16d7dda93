"""The JSON Schema of ``engram.toml``, which editors use for TOML too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from engram_discovery.settings.aliases import written_forms
from engram_discovery.settings.field_info import Kind, want
from engram_discovery.settings.models import ClusterSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

__all__ = ["json_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(providers: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return the schema of a settings file, with the tables of the given providers.

    Tables of other providers and of other parts of the program are allowed as they are.
    """
    roots: list[type[BaseModel]] = [ClusterSettings, *providers.values()]
    models = list(dict.fromkeys(model for root in roots for model in _nested(root)))
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


def _nested(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        below = want(field).model
        if below is not None:
            yield from _nested(below)


def _add_written_forms(model: type[BaseModel], properties: dict[str, Any]) -> None:
    for name, field in model.model_fields.items():
        if want(field).kind is Kind.LIST:
            _allow_text(properties[name])
        for form in written_forms(name, want(field)):
            kind = "string" if form.endswith("_file") else "number"
            properties[form] = {"type": kind, "description": f"{field.description} Instead of {name}."}


def _allow_text(schema: dict[str, Any]) -> None:
    """Let a list be text with commas too, as it is read."""
    about = {"title", "description", "default"}
    options = schema.get("anyOf") or [{key: schema.pop(key) for key in [*schema] if key not in about}]
    schema["anyOf"] = [*options, *([] if {"type": "string"} in options else [{"type": "string"}])]


def _add_tagged_discovery(discovery: dict[str, Any]) -> None:
    tagged = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}
    discovery["anyOf"] = [*discovery["anyOf"], tagged]
