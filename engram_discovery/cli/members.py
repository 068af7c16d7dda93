"""``engram-discovery members``: the members of the cluster as one node sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from engram_discovery.cli.node_client import fetch
from engram_discovery.cli.options import json_option, url_option
from engram_discovery.cli.watch import watch, watch_option

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["members"]


@click.command(short_help="Show the members of the cluster.")
@url_option
@json_option
@watch_option
def members(url: str, *, as_json: bool, watching: bool) -> None:
    """Show the members as the node at --url sees them.

    Exit status: 0 shown, 1 the node cannot be reached.
    """
    if watching:
        watch(url, "/cluster/nodes", _render, as_json=as_json)
        return
    nodes = fetch(url, "/cluster/nodes")
    if as_json:
        click.echo(json.dumps(nodes, indent=2))
        return
    from engram_discovery.cli.tables import console

    console().print(_render(nodes))


def _render(nodes: list[dict[str, Any]]) -> RenderableType:
    from engram_discovery.cli.tables import members_table

    return members_table(nodes)
