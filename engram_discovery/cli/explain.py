"""``engram-discovery explain``: what a node waits for, and why."""

from __future__ import annotations

import json

import click

from engram_discovery.cli.node_client import fetch
from engram_discovery.cli.options import json_option, url_option

__all__ = ["explain"]


@click.command(short_help="Say what a node waits for, and why.")
@url_option
@json_option
def explain(url: str, *, as_json: bool) -> None:
    """Say what the node at --url has found, whom it could not join and why, and what it does next.

    Exit status: 0 said, 1 the node cannot be reached.
    """
    explanation = fetch(url, "/cluster/discovery")
    if as_json:
        click.echo(json.dumps(explanation, indent=2))
        return
    headline, *rest = explanation.get("sentences") or [explanation["phase"]]
    click.echo("\n".join([headline, *(f"  {sentence}" for sentence in rest)]))
