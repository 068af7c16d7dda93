"""``engram-discovery plugins``: the installed plugins, their states, and the settings of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from engram_discovery._text import comma_list, printable
from engram_discovery.cli.options import json_option, settings_options
from engram_discovery.errors import PluginError, ProviderNotFoundError
from engram_discovery.host import PluginHost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram_discovery.host import PluginRecord
    from engram_discovery.types import ProviderInfo

__all__ = ["plugins_group"]


@click.group("plugins", invoke_without_command=True, subcommand_metavar="[COMMAND] [ARGS]...")
@click.option("--all", "load_all", is_flag=True, help="Import every enabled plugin and check it.")
@settings_options
@json_option
@click.pass_context
def plugins_group(
    context: click.Context,
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    *,
    load_all: bool,
    as_json: bool,
) -> None:
    """List the installed plugins and their states.

    Without --all nothing is imported, and a plugin is "available". One that cluster.plugins.allow or
    cluster.plugins.deny rules out is "disabled", and never imported. --strict-plugins imports them, too.

    Exit status: 0 listed, 2 one is broken and --strict-plugins or cluster.plugins.strict is set.
    """
    host = context.obj = context.find_object(PluginHost) or _host(files, overrides)
    if context.invoked_subcommand is not None:
        return
    records = host.load_all() if load_all or host.strict else host.records()
    if as_json:
        click.echo(json.dumps([_record_body(record) for record in records], indent=2))
    else:
        _print_table(records)
    if host.strict and any(record.error for record in records):
        context.exit(2)


@plugins_group.command("show", short_help="Show a provider and the keys of its table.")
@click.argument("name")
@json_option
@click.pass_obj
def show(host: PluginHost, name: str, *, as_json: bool) -> None:
    """Show the provider NAME, and every key of its table in the settings."""
    try:
        info = host.provider(name)
    except ProviderNotFoundError as error:
        raise click.UsageError(str(error)) from error
    except PluginError as error:
        raise click.ClickException(str(error)) from error
    record = next(record for record in host.records() if name in record.providers)
    keys = _describe_keys(info)
    if as_json:
        about = {"summary": info.summary, "docs_url": info.docs_url, "settings": keys}
        click.echo(json.dumps({**_record_body(record), "provider": name, **about}, indent=2))
    else:
        _print_provider(info, record, keys)


def _host(files: tuple[str, ...], overrides: tuple[str, ...]) -> PluginHost:
    """Create a host by the settings; tables of providers are not read, so a wrong one does not matter."""
    from engram_discovery.node.provider_factory import make_host
    from engram_discovery.runtime.log import SilentLogger
    from engram_discovery.settings import load_settings

    return make_host(load_settings(*files, cli_overrides=overrides).cluster.plugins, SilentLogger())


def _record_body(record: PluginRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "state": record.state.value,
        "module": record.module,
        "providers": list(record.providers),
        "capabilities": sorted(record.capabilities),
        "error": record.error,
        "warnings": list(record.warnings),
    }


def _describe_keys(info: ProviderInfo) -> list[dict[str, Any]]:
    """Describe the keys of the provider's table, as ``config explain`` does."""
    from engram_discovery.settings.field_info import field_specs

    try:
        schema: dict[str, Any] = info.settings_model.model_json_schema()  # type: ignore[attr-defined]
        wanted = field_specs(info.settings_model)
    except Exception as error:
        raise click.ClickException(f'the settings of "{info.name}" cannot be described: {error}') from error
    return [
        {
            "key": f"cluster.{info.name}.{key}",
            "environment": f"ENGRAM_CLUSTER__{info.name}__{key}".upper(),
            "type": wanted[key].expected or str(field.get("type", "any")),
            "default": None if field.get("writeOnly") else field.get("default"),
            "required": key in schema.get("required", ()),
            "description": field.get("description", ""),
        }
        for key, field in schema.get("properties", {}).items()
    ]


def _print_table(records: Sequence[PluginRecord]) -> None:
    columns = ["NAME", "STATE", "DISTRIBUTION", "VERSION", "PROVIDERS", "CAPABILITIES"]
    rows = [
        [
            record.name,
            record.state.value,
            record.distribution or "(this program)",
            record.version or "",
            " ".join(record.providers),
            " ".join(sorted(record.capabilities)),
        ]
        for record in records
    ]
    if not any(record.providers for record in records):  # none is imported
        columns, rows = columns[:4], [row[:4] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        # not a table of rich, which cuts names on a narrow terminal
        click.echo(printable("  ".join(map(str.ljust, row, widths)).rstrip()))
    for record in records:
        for text in filter(None, (record.error, *record.warnings)):
            click.echo(f"\n{printable(text)}")


def _print_provider(info: ProviderInfo, record: PluginRecord, keys: Sequence[dict[str, Any]]) -> None:
    from engram_discovery.cli.tables import print_table

    origin = f"{record.distribution} {record.version}" if record.distribution else "this program"
    click.echo(printable(f"{info.name}: {info.summary}"))
    click.echo(printable(f"from {origin}; can {comma_list(sorted(info.capabilities))}"))
    if info.docs_url:
        click.echo(printable(f"see {info.docs_url}"))
    click.echo(f"[cluster.{info.name}]")
    rows = [
        (
            key["key"].rpartition(".")[2],
            key["type"],
            "required" if key["required"] else json.dumps(key["default"]),
            key["description"],
        )
        for key in keys
    ]
    print_table(("KEY", "TYPE", "DEFAULT", "MEANING"), rows)
