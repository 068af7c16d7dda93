"""``engram-discovery demo``: real nodes find each other, one is killed, the others detect it."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
from rich.console import Group
from rich.live import Live

from engram_discovery.cli.demo_nodes import DemoNode, start_nodes
from engram_discovery.cli.tables import STATE_STYLES, console, health_line, members_table, plain, table
from engram_discovery.defaults import DEMO_DETECTION_TIMEOUT, DEMO_FORMING_TIMEOUT, DEMO_POLL_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

__all__ = ["demo"]

#: The bodies of ``/cluster/nodes`` and ``/cluster/health``.
View = tuple[list[dict[str, Any]], dict[str, Any]]


@click.command(short_help="Watch three nodes on this machine find each other.")
@click.option(
    "--nodes", type=click.IntRange(2, 30), default=3, show_default=True, help="How many nodes to start."
)
@click.option("--exit", "leave", is_flag=True, help="Exit at the end, with status 0 if every step was seen.")
def demo(nodes: int, *, leave: bool) -> None:
    """Start real node processes on loopback from a static seed list, and kill one of them.

    Shows how they find each other, how the others suspect the killed one and declare it dead, and the effect on the
    health of the cluster. Needs no settings and leaves nothing behind.

    Exit status: 0 every step was seen, 1 one was not.
    """
    with tempfile.TemporaryDirectory(prefix="engram-demo-") as folder, ExitStack() as stack:
        started = time.monotonic()
        processes = start_nodes(nodes, Path(folder))
        for process in processes:
            stack.callback(process.stop)
        progress = stack.enter_context(Progress(processes))
        seen = _run_steps(progress, processes, started)
        if seen and not leave:
            progress.print("the other nodes continue: press Ctrl-C to end")
            with suppress(KeyboardInterrupt):
                progress.wait(lambda _: False, math.inf)
    sys.exit(0 if seen else 1)


def _run_steps(progress: Progress, processes: list[DemoNode], started: float) -> bool:
    count = len(processes)
    progress.print(f"{count} processes started, each knows the same {count} seed addresses")
    if not progress.wait(lambda views: _all_see_all_alive(views, count), DEMO_FORMING_TIMEOUT):
        return progress.fail("the nodes did not find each other")
    progress.print(f"in a browser: {processes[0].url}/cluster/")
    progress.print(
        f"all {count} nodes see {count} alive, {time.monotonic() - started:.1f} s after the first process started"
    )
    victim, survivors = processes[-1], processes[:-1]
    victim.kill()
    killed = time.monotonic()
    progress.print(f"{victim.node_id} killed with SIGKILL")
    steps: list[tuple[str, Callable[[dict[str, View]], bool]]] = [
        (f"{victim.node_id} is suspect", lambda views: _some_see(views, survivors, victim, "suspect")),
        (
            f"{victim.node_id} is dead for every survivor",
            lambda views: _all_see(views, survivors, victim, "dead"),
        ),
        ("the health is no longer healthy", lambda views: _all_unhealthy(views, survivors)),
    ]
    for step, happened in steps:
        if not progress.wait(happened, DEMO_DETECTION_TIMEOUT):
            return progress.fail(f"not seen: {step}")
        progress.print(f"{step}, {time.monotonic() - killed:.1f} s after the kill")
    return True


class Progress:
    """Shows the steps: a live table on a terminal, otherwise one line per step."""

    def __init__(self, processes: list[DemoNode]) -> None:
        self._processes = processes
        self._console = console()
        self._started = time.monotonic()
        self._views: dict[str, View] = {}
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live:
            self._live.stop()
        else:
            self._console.print(self._render())

    def print(self, text: str) -> None:
        """Print one step, with the time since the start."""
        self._console.print(
            f"{time.monotonic() - self._started:6.1f} s  {text}", highlight=False, soft_wrap=True
        )

    def fail(self, text: str) -> bool:
        """Print what went wrong, with the last log lines of every node; return False."""
        self.print(f"FAILED: {text}")
        for process in self._processes:
            lines = process.log.read_text(errors="replace").splitlines()[-5:]
            self._console.print(plain(f"{process.node_id}: {' | '.join(lines)}"))
        return False

    def wait(self, happened: Callable[[dict[str, View]], bool], timeout: float) -> bool:
        """Poll every node until a condition holds; False after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._poll()
            if happened(self._views):
                return True
            time.sleep(DEMO_POLL_INTERVAL)
        return False

    def _poll(self) -> None:
        views = {process.node_id: process.view() for process in self._processes if process.running}
        self._views = {node_id: view for node_id, view in views.items() if view is not None}
        if self._live:
            self._live.update(self._render(), refresh=True)

    def _render(self) -> RenderableType:
        rows = [(plain(process.node_id), *self._row(process)) for process in self._processes]
        parts: list[RenderableType] = ["", table(("PROCESS", "PID", "API", "STATUS"), rows)]
        for node_id, (members, _) in list(self._views.items())[:1]:
            parts += ["", plain(f"the members as {node_id} sees them", "italic"), members_table(members)]
        return Group(*parts)

    def _row(self, process: DemoNode) -> tuple[object, ...]:
        view = self._views.get(process.node_id)
        if not process.running:
            return process.process.pid, process.url, plain("killed", STATE_STYLES["dead"])
        return process.process.pid, process.url, health_line(view[1]) if view else plain("starting", "dim")


def _all_see_all_alive(views: dict[str, View], count: int) -> bool:
    return len(views) == count and all(health["alive_nodes"] == count for _, health in views.values())


def _states(view: View, node_id: str) -> set[str]:
    return {str(member["state"]) for member in view[0] if member["id"] == node_id}


def _some_see(views: dict[str, View], survivors: list[DemoNode], victim: DemoNode, state: str) -> bool:
    return any(state in _states(views[s.node_id], victim.node_id) for s in survivors if s.node_id in views)


def _all_see(views: dict[str, View], survivors: list[DemoNode], victim: DemoNode, state: str) -> bool:
    return all(s.node_id in views and state in _states(views[s.node_id], victim.node_id) for s in survivors)


def _all_unhealthy(views: dict[str, View], survivors: list[DemoNode]) -> bool:
    return all(s.node_id in views and views[s.node_id][1]["status"] != "healthy" for s in survivors)
