"""A plugin that leaks tasks: reported when its node closes, cancelled, and an error with ``plugins.strict``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from engram_discovery.errors import PluginError
from engram_discovery.host import PluginHost
from engram_discovery.node.node import Distributed
from engram_discovery.node.startup import initialize_cluster
from engram_discovery.settings import settings_from
from tests.servers.process import free_port
from tests.support.installed_plugins import LEAKING, Site
from tests.support.timed_log import RecordingLogger


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    site = Site(tmp_path)
    site.install("acme-discovery", version="1.2", acme=LEAKING)
    yield site
    sys.modules.pop(site.module("acme-discovery", "acme"), None)


async def start(logger: RecordingLogger, host: PluginHost, **acme: Any) -> Distributed:
    network = {"swim_bind": f"127.0.0.1:{free_port()}", "api_bind": f"127.0.0.1:{free_port()}"}
    tables = {"enabled": True, "node_id": "n", "network": network, "discovery": "acme", "acme": acme}
    context = await initialize_cluster(settings_from({"cluster": tables}), host=host, logger=logger)
    assert isinstance(context, Distributed)
    return context


def tasks_of(qualified_name: str) -> list[asyncio.Task[Any]]:
    return [t for t in asyncio.all_tasks() if getattr(t.get_coro(), "__qualname__", "") == qualified_name]


async def test_of_two_nodes_only_the_leaking_ones_tasks_are_ended(site: Site) -> None:
    """Two nodes share a plugin and an event loop: closing one reports and cancels its leaked tasks only."""
    module = import_module(site.module("acme-discovery", "acme"))
    hosts = [PluginHost(entry_points=()) for _ in range(2)]
    for host in hosts:
        host.register(module, name="acme")
    leaking, sound = RecordingLogger(), RecordingLogger()
    one = await start(leaking, hosts[0], leaks=True)
    two = await start(sound, hosts[1])
    assert len(tasks_of("Acme.receive")) == 2

    await one.aclose()

    [event] = leaking.events("plugin.tasks_leaked")
    assert event["provider"] == "acme"
    assert event["tasks"] == 2
    assert "left 2 tasks running after aclose: Acme.read, Acme.receive" in event["error"]
    [record] = [record for record in hosts[0].records() if record.name == "acme"]
    assert record.warnings == (event["error"],)
    assert len(tasks_of("Acme.receive")) == 1
    await two.aclose()
    assert sound.events("plugin.tasks_leaked") == []
    assert tasks_of("Acme.receive") == []


async def test_an_installed_plugin_is_named_with_its_distribution(site: Site) -> None:
    """A third party's discoverer has a thread of its own: tasks leaked there are found too, with the remedy."""
    logger = RecordingLogger()
    context = await start(logger, PluginHost(entry_points=site.entry_points), leaks=True)

    await context.aclose()

    [event] = logger.events("plugin.tasks_leaked")
    assert event["error"] == (
        'plugin "acme" (acme-discovery 1.2) left 2 tasks running after aclose: Acme.read, Acme.receive; '
        "upgrade acme-discovery or report it to its authors"
    )


async def test_a_task_that_resists_does_not_hold_up_the_closing(site: Site) -> None:
    """A task that ignores its cancellation is abandoned and reported."""
    logger = RecordingLogger()
    host = PluginHost(entry_points=())
    host.register(import_module(site.module("acme-discovery", "acme")), name="acme")
    context = await start(logger, host, leaks=True, stubborn=True)

    async with asyncio.timeout(15):
        await context.aclose()

    assert len(logger.events("plugin.tasks_leaked")) == 1
    while resisting := tasks_of("Acme.receive"):
        resisting[0].cancel()
        await asyncio.sleep(0)


async def test_strictly_it_is_an_error_once_all_is_closed(site: Site) -> None:
    """With ``plugins.strict`` closing raises, after everything was closed."""
    host = PluginHost(entry_points=site.entry_points, strict=True)
    context = await start(RecordingLogger(), host, leaks=True)

    with pytest.raises(PluginError, match=r'^plugin "acme" \(acme-discovery 1\.2\) left 2 tasks running'):
        await context.aclose()

    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
