"""``engram-discovery run``: one node, until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from engram_discovery.cli.options import load, settings_options
from engram_discovery.defaults import CANCEL_RETRY_INTERVAL
from engram_discovery.network.address import DEFAULT_GOSSIP_PORT, parse_address

if TYPE_CHECKING:
    from engram_discovery.host import PluginHost
    from engram_discovery.http.server import HttpServer
    from engram_discovery.node.node import ClusterContext
    from engram_discovery.settings import Settings

__all__ = ["run"]

_T = TypeVar("_T")


def _addresses(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    del context, option
    for value in values:
        try:
            parse_address(value, default_port=DEFAULT_GOSSIP_PORT)
        except ValueError as error:
            raise click.BadParameter(f"{value!r}: {error}") from None
    return values


@click.command(short_help="Run one node until SIGTERM.")
@settings_options
@click.option(
    "--join",
    multiple=True,
    metavar="HOST:PORT",
    callback=_addresses,
    help="Join this address, in addition to those of the sources. May be repeated.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Least severe events to log, on standard error.",
)
def run(files: tuple[str, ...], overrides: tuple[str, ...], join: tuple[str, ...], log_level: str) -> None:
    """Run one node: form a cluster and serve health, members and metrics on network.api_bind.

    Stops on SIGTERM or Ctrl-C: deregisters, leaves the cluster and closes. A second signal skips the waits.
    SIGHUP is ignored.

    Exit status: 0 stopped; 1 node id conflict lost, or no member joined in time; 2 the settings are wrong,
    or an address cannot be listened on.

    \b
    Example:
      engram-discovery run --config engram.toml --set cluster.node_id=n1
    """  # noqa: D301  click needs the character \b, not a backslash
    from engram_discovery.cli.logs import configure_logging

    gc.disable()  # hardly any of the imported objects is garbage; collecting it would take a tenth of the start
    try:
        settings, host = load(files, overrides)
        configure_logging(log_level)
        status = asyncio.run(_serve(settings, host, join))
    finally:
        gc.enable()
    sys.exit(status)


async def _serve(settings: Settings, host: PluginHost, join: tuple[str, ...]) -> int:
    from engram_discovery.http.routes import cluster_app
    from engram_discovery.http.server import HttpServer, bind_socket
    from engram_discovery.metrics import CollectorRegistry
    from engram_discovery.node.startup import initialize_cluster
    from engram_discovery.runtime.log import get_logger

    gc.freeze()
    gc.enable()
    signals = _Signals()
    logger = get_logger("engram_discovery")
    api = parse_address(settings.cluster.network.api_bind)
    listener = bind_socket(api, "cluster.network.api_bind")
    registry = CollectorRegistry()
    starting = asyncio.ensure_future(
        initialize_cluster(settings, host=host, join=join, registry=registry, logger=logger)
    )
    try:
        context = await signals.unless_stopped(starting)
    except BaseException:
        listener.close()
        raise
    if context is None:
        listener.close()
        return 0
    server = HttpServer(cluster_app(context, registry=registry, logger=logger), listener, logger=logger)
    server.start()
    logger.info("node.ready", api_addr=str(api))
    status = await _until_stopped(context, signals)
    await _close(context, server, signals)
    logger.info("node.stopped", exit_status=status)
    return status


async def _until_stopped(context: ClusterContext, signals: _Signals) -> int:
    from engram_discovery.node.node import Distributed

    if not isinstance(context, Distributed):
        await signals.stop.wait()
        return 0
    conflict = asyncio.ensure_future(context.conflict.wait())
    error = await signals.unless_stopped(conflict)
    if error is None:
        return 0
    click.echo(f"engram-discovery: {error}", err=True)
    return 1


async def _close(context: ClusterContext, server: HttpServer, signals: _Signals) -> None:
    """Close the node, then the server, which responds "not ready" until then; a second signal skips the waits."""

    async def close() -> None:
        try:
            await context.aclose()
        finally:
            await server.aclose()

    closing = asyncio.ensure_future(close())
    skip_waits = asyncio.ensure_future(signals.skip_waits.wait())
    both: set[asyncio.Future[Any]] = {closing, skip_waits}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    skip_waits.cancel()
    while not closing.done():
        closing.cancel()
        await asyncio.wait({closing}, timeout=CANCEL_RETRY_INTERVAL)
    if not closing.cancelled():
        closing.result()


class _Signals:
    """SIGTERM and SIGINT as events. SIGHUP is ignored: a closed terminal must not kill a node."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.skip_waits = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._received)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def unless_stopped(self, task: asyncio.Future[_T]) -> _T | None:
        """Await a task, or cancel it and return None when a signal comes first."""
        stopped = asyncio.ensure_future(self.stop.wait())
        both: set[asyncio.Future[Any]] = {task, stopped}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    def _received(self) -> None:
        (self.skip_waits if self.stop.is_set() else self.stop).set()
