"""``engram-discovery discover``: call the configured sources once, without joining."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from engram_discovery._text import printable
from engram_discovery.cli.options import json_option, load, make_providers, settings_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from engram_discovery.host import PluginHost
    from engram_discovery.settings import Settings
    from engram_discovery.sources import Discovery
    from engram_discovery.sources.snapshot import Snapshot
    from engram_discovery.sources.status import SourceStatus
    from engram_discovery.types import Endpoint

__all__ = ["discover"]


@click.command(short_help="Call the sources once and show their endpoints.")
@settings_options
@json_option
@click.option("--provider", metavar="NAME", help="Call this provider, whatever cluster.discovery is set to.")
@click.option("--watch", is_flag=True, help="Continue and print every change, until Ctrl-C.")
def discover(
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    provider: str | None,
    *,
    watch: bool,
    as_json: bool,
) -> None:
    """Call the sources once and show their endpoints. No node is contacted or joined.

    With --watch, a line for every endpoint that comes (+) or goes (-); with --json an object a line.

    Exit status: 0 found or authoritatively empty, 1 the sources failed, 2 the settings are wrong.
    """
    if provider:
        overrides = (*overrides, f"cluster.discovery={provider}")
    settings, host = load(files, overrides)
    if watch:
        with suppress(KeyboardInterrupt):
            asyncio.run(_watch(settings, host, as_json=as_json))
        return
    result = asyncio.run(_call_once(settings, host))
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        _print(result)
    sys.exit(1 if result["outcome"] == "failed" else 0)


async def _call_once(settings: Settings, host: PluginHost) -> dict[str, Any]:
    async with _discovery(settings, host) as discovery:
        snapshot = await discovery.discover()
        return _result(snapshot, discovery.status())


async def _watch(settings: Settings, host: PluginHost, *, as_json: bool) -> None:
    async with _discovery(settings, host) as discovery:
        changes = discovery.changes()
        await discovery.discover()
        discovery.start()
        async for change in changes:
            for mark, endpoints in (("+", change.added), ("-", change.removed)):
                for endpoint in endpoints:
                    click.echo(
                        json.dumps({"change": mark, **_endpoint(endpoint)})
                        if as_json
                        else f"{mark} {endpoint} ({endpoint.source})"
                    )


@asynccontextmanager
async def _discovery(settings: Settings, host: PluginHost) -> AsyncIterator[Discovery]:
    providers = make_providers(settings, host)
    discovery = providers.discovery()
    try:
        yield discovery
    finally:
        await discovery.aclose()
        leaks = await providers.end_leaked_tasks()
    if leaks and host.strict:
        raise leaks[0]


def _result(snapshot: Snapshot, statuses: Sequence[SourceStatus]) -> dict[str, Any]:
    outcome = "found" if snapshot.endpoints else "empty"
    if not snapshot.endpoints and any(status.outcome == "failed" for status in statuses):
        outcome = "failed"
    return {
        "outcome": outcome,
        "complete": snapshot.complete,
        "endpoints": [_endpoint(endpoint) for endpoint in snapshot.endpoints],
        "sources": {status.name: status.sentence() for status in statuses},
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "host": endpoint.host,
        "port": endpoint.port,
        "priority": endpoint.priority,
        "weight": endpoint.weight,
        "ttl": endpoint.ttl,
        "source": endpoint.source,
        "target": endpoint.meta.get("target"),
    }


def _print(result: dict[str, Any]) -> None:
    from engram_discovery.cli.tables import print_table

    columns = ("target", "host", "port", "priority", "weight", "ttl", "source")
    endpoints = result["endpoints"]
    shown = [name for name in columns if any(endpoint[name] is not None for endpoint in endpoints)]
    if endpoints:
        print_table([name.upper() for name in shown], [[e[name] for name in shown] for e in endpoints])
    for sentence in result["sources"].values():
        click.echo(printable(sentence), err=True)
