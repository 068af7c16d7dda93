"""``engram-discovery health``: is the cluster healthy, as one node sees it?"""

from __future__ import annotations

import json
import sys

import click

from engram_discovery.cli.node_client import NodeUnreachableError, fetch
from engram_discovery.cli.options import json_option, url_option

__all__ = ["health"]


@click.command(short_help="Tell whether the cluster is healthy.")
@url_option
@json_option
def health(url: str, *, as_json: bool) -> None:
    """Tell the health of the cluster as the node at --url sees it.

    Exit status: 0 healthy or degraded, 1 critical or the node cannot be reached, 2 wrong usage.
    """
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
        _print(report)
    sys.exit(1 if report["status"] == "critical" else 0)


def _print(report: dict[str, object]) -> None:
    from engram_discovery.cli.tables import STATE_STYLES, console, health_line, plain, print_table

    console().print(health_line(report))
    nodes = report["nodes"]
    if isinstance(nodes, list) and nodes:
        rows = [
            (
                plain(n["id"]),
                plain(n["state"], STATE_STYLES.get(n["state"], "")),
                plain(n["addr"]),
                f"{n['last_seen']} s",
            )
            for n in nodes
        ]
        print_table(("NODE", "STATE", "GOSSIP", "UNCHANGED FOR"), rows)
    checks = report.get("checks")
    if isinstance(checks, dict):
        print_table(
            ("CHECK", "STATUS", "OUTPUT"), [(name, c["status"], c["output"]) for name, c in checks.items()]
        )
