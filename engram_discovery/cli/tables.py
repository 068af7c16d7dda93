"""Tables on standard output. Text from the network is shown as plain text, never as markup or control characters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engram_discovery._text import comma_list, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["STATE_STYLES", "console", "health_line", "members_table", "plain", "print_table", "table"]

_PIPE_WIDTH = 240

#: Colours of states and statuses.
STATE_STYLES = {
    "alive": "green",
    "suspect": "yellow",
    "dead": "red",
    "left": "dim",
    "healthy": "green",
    "degraded": "yellow",
    "critical": "bold red",
}


def plain(value: object, style: str = "") -> Text:
    """Return a table cell: the text as it is, with control characters escaped."""
    return Text("-" if value is None else printable(value), style=style)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> Table:
    """Return a table; cells that are ``Text`` keep their style."""
    made = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    return made


def console() -> Console:
    """Return a console for standard output, wide enough for whole rows where that is not a terminal."""
    made = Console()
    return made if made.is_terminal else Console(width=_PIPE_WIDTH)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table on standard output."""
    console().print(table(columns, rows, title))


def members_table(members: Sequence[Mapping[str, object]]) -> Table:
    """Return the body of ``/cluster/nodes`` as a table."""
    columns: dict[str, Callable[[Mapping[str, object]], object]] = {
        "NODE": lambda m: m["id"],
        "STATE": lambda m: plain(m["state"], STATE_STYLES.get(str(m["state"]), "")),
        "ZONE": lambda m: m.get("zone"),
        "GOSSIP": lambda m: m["addr"],
        "API": lambda m: m["api_addr"],
        "STARTED": lambda m: _started(m["generation"]),
        "CHANGED": lambda m: _ago(m["last_update"]),
        "SPACES": _spaces,
    }
    for optional, key in (("ZONE", "zone"), ("SPACES", "spaces")):
        if not any(m.get(key) for m in members):
            del columns[optional]
    return table(tuple(columns), [[show(m) for show in columns.values()] for m in members])


def health_line(health: Mapping[str, object]) -> Text:
    """Return the body of ``/cluster/health`` as one line."""
    status = str(health["status"])
    line = Text.assemble(
        (status, STATE_STYLES.get(status, "")), f": {health['alive_nodes']} of {health['total_nodes']} alive"
    )
    departed, left = int(str(health["dead_nodes"])), int(str(health["left_nodes"]))
    for state, count in (("suspect", health["suspect_nodes"]), ("dead", departed - left), ("left", left)):
        if count:
            line.append(f", {count} {state}")
    if "expected_nodes" in health:
        line.append(f", {health['expected_nodes']} expected")
    return line


def _ago(moment: object) -> str:
    """Return how long ago a time was, by this machine's clock."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(str(moment))).total_seconds()
    except ValueError:
        return "-"
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7200 else f"{seconds / 3600:.0f} h ago"


def _started(generation: object) -> str:
    """Return when a run started: a generation is that time in milliseconds, unless the clock was far behind."""
    if not isinstance(generation, int) or not 1e12 < generation < 1e13:
        return str(generation)
    return f"{datetime.fromtimestamp(generation / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _spaces(member: Mapping[str, object]) -> str:
    spaces = member.get("spaces")
    shown = comma_list(spaces) if isinstance(spaces, list) else ""
    omitted = member.get("spaces_omitted")
    return f"{shown} and {omitted} more" if omitted else shown or "-"
