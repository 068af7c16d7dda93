"""``engram-discovery keygen``: a new gossip key."""

from __future__ import annotations

import base64
import secrets

import click

__all__ = ["keygen"]


@click.command(short_help="Make a gossip key.")
def keygen() -> None:
    """Print a new gossip key: 32 random bytes in base64.

    Give the same key to every node, in .secrets.toml:

    \b
      [cluster.security]
      keys = ["…"]
    """  # noqa: D301  click needs the character \b, not a backslash
    click.echo(base64.b64encode(secrets.token_bytes(32)).decode("ascii"))
