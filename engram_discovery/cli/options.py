"""Options and set-up that several commands share."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram_discovery.host import PluginHost
    from engram_discovery.node.provider_factory import ProviderFactory
    from engram_discovery.settings import Settings

__all__ = [
    "DEFAULT_URL",
    "STRICT_PLUGINS",
    "json_option",
    "load",
    "make_providers",
    "settings_options",
    "url_option",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

#: What ``--strict-plugins`` sets.
STRICT_PLUGINS = "cluster.plugins.strict=true"

#: Where a node with the default settings answers.
DEFAULT_URL = "http://127.0.0.1:50051"


def _with_strictness(
    context: click.Context, _option: click.Parameter, overrides: tuple[str, ...]
) -> tuple[str, ...]:
    return (*overrides, STRICT_PLUGINS) if context.params.pop("strict_plugins", False) else overrides


def settings_options(command: _Command) -> _Command:
    """Add ``--config``, ``--set`` and ``--strict-plugins``, which is one of the overrides that the command is given."""
    command = click.option(
        "--strict-plugins",
        is_flag=True,
        is_eager=True,  # it is known when --set is parsed
        help="Treat any broken plugin as an error; same as --set plugins.strict=true.",
    )(command)
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        callback=_with_strictness,
        metavar="KEY=VALUE",
        help="Override one setting, such as cluster.node_id=n1. May be repeated.",
    )(command)
    return click.option(
        "--config",
        "-c",
        "files",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="Settings file; later ones win. Default: $ENGRAM_CONFIG, else engram.toml.",
    )(command)


def json_option(command: _Command) -> _Command:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def url_option(command: _Command) -> _Command:
    """Add ``--url``."""
    return click.option(
        "--url", default=DEFAULT_URL, show_default=True, metavar="URL", help="API address of the node."
    )(command)


def load(files: tuple[str, ...], overrides: tuple[str, ...]) -> tuple[Settings, PluginHost]:
    """Load settings for a command, with the tables of the selected providers.

    Raises:
        SettingsError: Any of them is wrong.
    """
    from engram_discovery.node.provider_factory import make_host
    from engram_discovery.settings import load_settings

    one_host = functools.cache(make_host)  # finding plugins reads the metadata of all installed distributions
    settings = load_settings(*files, cli_overrides=overrides, host=one_host)
    return settings, one_host(settings.cluster.plugins)


def make_providers(settings: Settings, host: PluginHost) -> ProviderFactory:
    """Return the factory of the selected providers, for a command that starts no node."""
    from random import Random

    from engram_discovery.node.provider_factory import ProviderFactory
    from engram_discovery.runtime.clock import SystemClock
    from engram_discovery.runtime.log import get_logger

    return ProviderFactory(
        settings=settings,
        host=host,
        identity=None,
        clock=SystemClock(),
        logger=get_logger("engram_discovery"),
        random=Random(),  # noqa: S311  it spreads retries, nothing secret
    )
