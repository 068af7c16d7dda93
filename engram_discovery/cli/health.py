"""``engram-discovery health``: the health of the cluster as one node sees it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from engram_discovery.cli.node_client import NodeUnreachableError, fetch
from engram_discovery.cli.options import json_option, url_option
from engram_discovery.cli.watch import watch, watch_option

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["health"]


@click.command(short_help="Show the health of the cluster.")
@url_option
@json_option
@watch_option
def health(url: str, *, as_json: bool, watching: bool) -> None:
    """Show the health of the cluster as the node at --url sees it.

    Exit status: 0 healthy or degraded, or watching ended; 1 critical or the node cannot be reached; 2 wrong usage.
    """
    if watching:
        watch(url, "/cluster/health", _render, as_json=as_json)
        return
    try:
        report = fetch(url, "/cluster/health")
    except NodeUnreachableError as error:
        if as_json:
            click.echo(json.dumps({"status": "unreachable", "error": str(error)}))
            sys.exit(1)
        raise
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        from engram_discovery.cli.tables import console

        console().print(_render(report))
    sys.exit(1 if report["status"] == "critical" else 0)


def _render(report: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    from engram_discovery.cli.tables import STATE_STYLES, health_line, plain, table

    parts: list[RenderableType] = [health_line(report)]
    if report["nodes"]:
        rows = [
            (n["id"], plain(n["state"], STATE_STYLES.get(n["state"], "")), n["addr"], f"{n['last_seen']} s")
            for n in report["nodes"]
        ]
        rows[0] = (*rows[0][:3], "this node")  # it is always the first
        parts.append(table(("NODE", "STATE", "GOSSIP", "LAST CHANGE"), rows))
    if report.get("registrations"):
        records = [
            (r["provider"], r["state"], _lease(r), r["repairs"], r["error"]) for r in report["registrations"]
        ]
        parts.append(table(("REGISTRATION", "STATE", "LEASE LEFT", "RE-REGISTERED", "ERROR"), records))
    if report.get("checks"):
        checks = [(name, check["status"], check["output"]) for name, check in report["checks"].items()]
        parts.append(table(("CHECK", "STATUS", "OUTPUT"), checks))
    return Group(*parts)


def _lease(registration: dict[str, Any]) -> str | None:
    left = registration["lease_left"]
    return None if left is None else f"{left:.0f} s"
