"""``engram-discovery config``: show settings, check them, explain them, write a starter file and the reference."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engram_discovery._text import comma_list, error_text, printable
from engram_discovery.cli.options import json_option, settings_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from engram_discovery.errors import Problem
    from engram_discovery.host import PluginHost
    from engram_discovery.settings.assemble import LoadResult, Settings
    from engram_discovery.settings.models import PluginsSettings
    from engram_discovery.settings.show import Row

__all__ = ["config_group"]

#: Exit status for settings that cannot be used; the same as click's for a wrong option.
EXIT_SETTINGS = 2


@click.group("config")
def config_group() -> None:
    """Show the settings, check them, explain the origin of a value.

    Settings come from engram.toml, .secrets.toml beside it, ENGRAM_... variables and --set; the later takes precedence.
    """


@config_group.command()
@settings_options
@json_option
@click.pass_context
def show(context: click.Context, files: Sequence[str], overrides: Sequence[str], *, as_json: bool) -> None:
    """Show every setting with its value and origin. Secrets are shown as ****."""
    from engram_discovery.settings.show import rows

    settings = _loaded(context, files, overrides)
    found = list(rows(settings, _provider_models(settings)))
    if as_json:
        click.echo(json.dumps([_json_row(row) for row in found], indent=2))
        return
    _print_rows(found)
    _print_warnings(settings.warnings)


@config_group.command()
@settings_options
@json_option
@click.pass_context
def check(context: click.Context, files: Sequence[str], overrides: Sequence[str], *, as_json: bool) -> None:
    """Check the settings and start nothing. Exit status 2 if there is any problem."""
    result = _try_load(files, overrides)
    if as_json:
        report = {
            "problems": [asdict(item) for item in result.problems],
            "warnings": [asdict(item) for item in result.warnings],
        }
        click.echo(json.dumps({"ok": not result.problems, **report}, indent=2))
    else:
        _print_problems(result.problems)
        _print_warnings(result.warnings)
        if result.settings is not None:
            alone = "" if result.settings.cluster.enabled else "; cluster.enabled is false: a single node"
            click.echo(f"the settings can be used{alone}")
    context.exit(EXIT_SETTINGS if result.problems else 0)


@config_group.command()
@click.argument("key")
@settings_options
def explain(key: str, files: Sequence[str], overrides: Sequence[str]) -> None:
    """Explain KEY: its meaning, the layers that set it, and the effective one."""
    from engram_discovery.settings.environment import full_path
    from engram_discovery.settings.show import explain as explanation_of

    result = _try_load(files, overrides)
    plugins = result.settings.cluster.plugins if result.settings else None
    full = ".".join(full_path(key)) if key else "cluster"
    try:
        explanation = explanation_of(full, result.origins, _installed_models(plugins))
    except KeyError as error:
        raise click.UsageError(f"{full} is not a key; {error.args[0]}".rstrip("; ")) from None
    click.echo(f"{explanation.key}: {explanation.description}")
    click.echo(f"  type     {explanation.expected}\n  default  {explanation.default}")
    for number, (layer, value, origin) in enumerate(explanation.layers, start=1):
        won = "  <- in force" if number == len(explanation.layers) and not explanation.merged else ""
        click.echo(printable(f"  {layer:<12} {value}  ({origin}){won}"))
    if not explanation.layers:
        click.echo("  not set: the default is in force")
    _print_problems([problem for problem in result.problems if problem.key.startswith(full)])


@config_group.command()
def schema() -> None:
    """Write the JSON Schema of engram.toml, with the installed plugins, for editors."""
    from engram_discovery.settings.export import json_schema

    click.echo(json.dumps(json_schema(_installed_models()), indent=2))


@config_group.command()
def reference() -> None:
    """Write the reference of all settings in Markdown, with the installed plugins."""
    from engram_discovery.settings.export import reference_page

    click.echo(reference_page(_installed_models()), nl=False)


@config_group.command()
@click.argument("provider", default="static")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=Path("engram.toml"),
    show_default=True,
    help="The file to write.",
)
def init(provider: str, output: Path) -> None:
    """Write a commented engram.toml for PROVIDER, never over an existing file; - is standard output."""
    from engram_discovery.settings.export import starter_file
    from engram_discovery.settings.problems import lower_first

    models = _installed_models()
    if provider not in models:
        raise click.UsageError(
            f"no provider {provider} is installed; there are {comma_list(sorted(models)) or 'none'}"
        )
    text = starter_file(provider, models[provider])
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.UsageError(f"cannot write {output}: {lower_first(error_text(error))}") from None
    click.echo(f"wrote {output}", err=True)


def _try_load(files: Sequence[str], overrides: Sequence[str]) -> LoadResult:
    from engram_discovery.settings.load import try_load

    result = try_load(*files, cli_overrides=overrides, host=_host)
    result.problems.sort(key=lambda problem: problem.key)
    return result


def _loaded(context: click.Context, files: Sequence[str], overrides: Sequence[str]) -> Settings:
    result = _try_load(files, overrides)
    if result.settings is None:
        _print_problems(result.problems)
        context.exit(EXIT_SETTINGS)
    return result.settings


def _host(plugins: PluginsSettings) -> PluginHost:
    from engram_discovery.node.provider_factory import make_host
    from engram_discovery.runtime.log import SilentLogger

    return make_host(plugins, SilentLogger())


def _provider_models(settings: Settings) -> dict[str, BaseModel]:
    """Return the validated tables of the selected providers; ``try_load`` validated them before, so none can fail."""
    if not settings.cluster.enabled:
        return {}
    host = _host(settings.cluster.plugins)
    return {name: settings.provider_settings(host.provider(name)) for name in settings.cluster.discovery}


def _installed_models(plugins: PluginsSettings | None = None) -> dict[str, type[BaseModel]]:
    """Return the settings model of every installed provider that can be loaded; warn of the others."""
    from engram_discovery.errors import PluginError
    from engram_discovery.settings.models import PluginsSettings

    host = _host((plugins or PluginsSettings()).model_copy(update={"strict": False}))
    models: dict[str, type[BaseModel]] = {}
    for name in sorted(host.known_providers()):
        try:
            models[name] = host.provider(name).settings_model
        except PluginError as error:
            click.echo(f"warning: provider {name} is left out: {error}", err=True)
    return models


def _json_row(row: Row) -> dict[str, Any]:
    return {"key": row.key, "value": row.value, "origin": row.origin, "default": row.is_default}


def _print_rows(found: Sequence[Row]) -> None:
    """Print a table; columns are as wide as their longest value, because a cut value is worse than a long line."""
    key_width = max(len(row.key) for row in found)
    text_width = max(len(row.text) for row in found)
    for row in found:
        line = f"{row.key:<{key_width}}  {row.text:<{text_width}}  {row.origin}"
        click.secho(printable(line), dim=row.is_default or None)


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        click.secho(f"error: {problem}", err=True, fg="red")


def _print_warnings(warnings: Sequence[Problem]) -> None:
    for warning in warnings:
        click.secho(f"warning: {warning}", err=True, fg="yellow")
