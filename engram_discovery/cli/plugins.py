"""``engram-discovery plugins``: which plugins there are, what became of them, and what one can be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from engram_discovery.errors import PluginError, ProviderNotFoundError
from engram_discovery.plugins import PluginHost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.plugins import PluginRecord
    from engram_discovery.types import ProviderInfo

__all__ = ["plugins_group"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group("plugins", invoke_without_command=True)
@click.option("--all", "load", is_flag=True, help="Import every enabled plugin, to see whether it works.")
@_JSON
@click.pass_context
def plugins_group(context: click.Context, *, load: bool, as_json: bool) -> None:
    """List the installed plugins and what became of each.

    Without --all nothing is imported: a plugin that no settings select is "available". One that
    plugins.allow or plugins.deny rules out is "disabled", and never imported.
    """
    if context.invoked_subcommand is not None:
        return
    host = _host(context)
    records = host.load_all() if load else host.records()
    if as_json:
        click.echo(json.dumps([_plain(record) for record in records], indent=2))
    else:
        _print_table(records)


@plugins_group.command("show")
@click.argument("name")
@_JSON
@click.pass_context
def show(context: click.Context, name: str, *, as_json: bool) -> None:
    """Show what the provider NAME is and every key of its table in the settings."""
    host = _host(context)
    try:
        info = host.provider(name)
    except ProviderNotFoundError as error:
        raise click.UsageError(str(error)) from error
    except PluginError as error:
        raise click.ClickException(str(error)) from error
    record = next(record for record in host.records() if name in record.providers)
    keys = _keys(info)
    if as_json:
        about = {"summary": info.summary, "docs_url": info.docs_url, "settings": keys}
        click.echo(json.dumps({**_plain(record), "provider": name, **about}, indent=2))
    else:
        _print_provider(info, record, keys)


def _host(context: click.Context) -> PluginHost:
    """Return the host that an outer command made from the settings, or one over all that is installed."""
    return context.find_object(PluginHost) or PluginHost()


def _plain(record: PluginRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "state": record.state.value,
        "module": record.module,
        "providers": list(record.providers),
        "capabilities": sorted(record.capabilities),
        "error": record.error,
    }


def _keys(info: ProviderInfo) -> list[dict[str, Any]]:
    """Describe the keys of the provider's table, from the JSON Schema of its model."""
    try:
        schema: dict[str, Any] = info.settings_model.model_json_schema()  # type: ignore[attr-defined]
    except Exception as error:
        raise click.ClickException(f'the settings of "{info.name}" cannot be described: {error}') from error
    return [
        {
            "key": f"cluster.{info.name}.{key}",
            "environment": f"ENGRAM_CLUSTER__{info.name}__{key}".upper(),
            "type": _type(field),
            "default": None if field.get("writeOnly") else field.get("default"),
            "required": key in schema.get("required", ()),
            "description": field.get("description", ""),
        }
        for key, field in schema.get("properties", {}).items()
    ]


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(json.dumps(value) for value in field["enum"])
    if "anyOf" in field:
        return " | ".join(dict.fromkeys(_type(option) for option in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("writeOnly"):
        return "secret"
    return str(field.get("type", "any"))


def _print_table(records: Sequence[PluginRecord]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("name", "state", "distribution", "version", "providers", "capabilities", box=None)
    for record in records:
        cells = (
            record.name,
            record.state.value,
            record.distribution or "(this program)",
            record.version or "",
            " ".join(record.providers),
            " ".join(sorted(record.capabilities)),
        )
        table.add_row(*(Text(cell) for cell in cells))
    console = Console()
    console.print(table)
    for record in records:
        if record.error:
            console.print(Text(f"\n{record.error}"), soft_wrap=True)


def _print_provider(info: ProviderInfo, record: PluginRecord, keys: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    origin = f"{record.distribution} {record.version}" if record.distribution else "this program"
    console.print(Text(f"{info.name}: {info.summary}"), soft_wrap=True)
    console.print(Text(f"from {origin}; can {', '.join(sorted(info.capabilities))}"), soft_wrap=True)
    if info.docs_url:
        console.print(Text(f"see {info.docs_url}"), soft_wrap=True)
    table = Table(
        "key", "type", "default", "meaning", title=f"[cluster.{info.name}]".replace("[", r"\["), box=None
    )
    for key in keys:
        default = "required" if key["required"] else json.dumps(key["default"])
        cells = (key["key"].rpartition(".")[2], key["type"], default, key["description"])
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
