"""``engram-discovery members``: who is in the cluster, as one node sees it."""

from __future__ import annotations

import json

import click

from engram_discovery.cli.node_client import fetch
from engram_discovery.cli.options import json_option, url_option

__all__ = ["members"]


@click.command(short_help="Show who is in the cluster.")
@url_option
@json_option
def members(url: str, *, as_json: bool) -> None:
    """Show the members as the node at --url sees them.

    Exit status: 0 shown, 1 the node cannot be reached.
    """
    nodes = fetch(url, "/cluster/nodes")
    if as_json:
        click.echo(json.dumps(nodes, indent=2))
        return
    from engram_discovery.cli.tables import console, members_table

    console().print(members_table(nodes))
