"""``engram-discovery explain``: why a node has, or has not, joined its cluster."""

from __future__ import annotations

import json

import click

from engram_discovery.cli.node_client import fetch
from engram_discovery.cli.options import json_option, url_option

__all__ = ["explain"]


@click.command(short_help="Explain why a node has, or has not, joined its cluster.")
@url_option
@json_option
def explain(url: str, *, as_json: bool) -> None:
    """Explain why the node at --url has, or has not, joined its cluster, and what it does next.

    Exit status: 0 shown, 1 the node cannot be reached.
    """
    explanation = fetch(url, "/cluster/discovery")
    if as_json:
        click.echo(json.dumps(explanation, indent=2))
        return
    headline, *rest = explanation.get("sentences") or [explanation["phase"]]
    click.echo("\n".join([headline, *(f"  {sentence}" for sentence in rest)]))
