"""Watch a node: a live table on a terminal; otherwise a table for each change, or a line of JSON."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from engram_discovery.cli.node_client import NodeUnreachableError, fetch
from engram_discovery.defaults import NODE_POLL_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

__all__ = ["watch", "watch_option"]

watch_option = click.option(
    "--watch", "-w", "watching", is_flag=True, help="Refresh every second, until Ctrl-C."
)


def watch(url: str, path: str, show: Callable[[Any], RenderableType], *, as_json: bool) -> None:
    """Show a path of a node until Ctrl-C. A node that does not answer is reported and retried.

    Args:
        url: The node.
        path: The route.
        show: Renders the body.
        as_json: Print each body as one line instead.
    """
    with suppress(KeyboardInterrupt):
        if as_json:
            _print_lines(url, path)
        else:
            _draw(url, path, show)


def _poll(url: str, path: str) -> Iterator[tuple[Any, str]]:
    """Yield each body with an empty error, or None with the error. Blocks for the interval in between."""
    while True:
        try:
            yield fetch(url, path), ""
        except NodeUnreachableError as error:
            yield None, str(error)
        time.sleep(NODE_POLL_INTERVAL)


def _print_lines(url: str, path: str) -> None:
    for body, error in _poll(url, path):
        click.echo(json.dumps({"error": error} if error else body))


def _draw(url: str, path: str, show: Callable[[Any], RenderableType]) -> None:
    from rich.console import Group
    from rich.live import Live

    from engram_discovery.cli.tables import console, plain

    output = console()
    if not output.is_terminal:
        _print_changes(url, path, show)
        return
    with Live(console=output, auto_refresh=False) as live:
        shown: RenderableType = ""
        for body, error in _poll(url, path):
            shown = shown if error else show(_worst_first(body))
            title = plain(f"{error}; retrying", "bold red") if error else plain(f"{url}, Ctrl-C ends", "dim")
            live.update(Group(title, shown), refresh=True)


def _worst_first(body: Any) -> Any:
    """Put members that are not alive right below the queried node: the end of a long table is cut off."""
    if isinstance(body, dict):
        return {**body, "nodes": _worst_first(body["nodes"])}
    return [*body[:1], *sorted(body[1:], key=lambda node: bool(node["state"] == "alive"))]


def _print_changes(url: str, path: str, show: Callable[[Any], RenderableType]) -> None:
    from engram_discovery.cli.tables import console, plain

    output, last = console(), None
    for body, error in _poll(url, path):
        now = error or _states(body)
        if now != last:
            output.print(plain(f"{time.strftime('%H:%M:%S')} {error}"), "" if error else show(body))
        last = now


def _states(body: Any) -> list[Any]:
    """Reduce a body to the parts whose change causes a new table: all but ages."""
    nodes = body if isinstance(body, list) else [{"status": body["status"]}, *body["nodes"]]
    return [(node.get("id"), node.get("state"), node.get("status"), node.get("generation")) for node in nodes]
