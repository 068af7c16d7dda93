"""``engram-discovery discover``: ask the configured sources once, without joining anybody."""

from __future__ import annotations

import asyncio
import json
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import click

from engram_discovery.cli.options import json_option, load, settings_options

if TYPE_CHECKING:
    from engram_discovery.plugins import PluginHost
    from engram_discovery.settings import Settings
    from engram_discovery.sources import Source

__all__ = ["discover"]


@click.command(short_help="Ask the sources once and show what they answer.")
@settings_options
@json_option
@click.option("--provider", metavar="NAME", help="Ask this provider, whatever cluster.discovery says.")
def discover(files: tuple[str, ...], overrides: tuple[str, ...], provider: str | None, *, as_json: bool) -> None:
    """Ask the sources once and show where peers are. Nobody is contacted or joined.

    Exit status: 0 found or authoritatively empty, 1 the sources failed, 2 the settings are wrong.
    """
    if provider:
        overrides = (*overrides, f"cluster.discovery={provider}")
    settings, host = load(files, overrides)
    answer = asyncio.run(_ask(settings, host))
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _print(answer)
    sys.exit(1 if answer["outcome"] == "failed" else 0)
