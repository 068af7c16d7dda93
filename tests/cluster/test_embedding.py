"""Nodes embedded in a program: several in one process, closed without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.routing import Mount

from engram_discovery.errors import BindError, JoinError
from engram_discovery.http import cluster_app, cluster_routes
from engram_discovery.node.node import Distributed, SingleNode
from engram_discovery.node.startup import initialize_cluster
from engram_discovery.settings import Settings, settings_from
from engram_discovery.types import EventKind, NodeState
from tests.servers.process import free_port
from tests.support.node_processes import all_see, make_nodes, running, wait_until
from tests.support.timed_log import RecordingLogger

ALIVE = frozenset({NodeState.ALIVE})


def settings(folder: Path, node_id: str, seeds: list[str], **cluster: Any) -> Settings:
    tables = {
        "enabled": True,
        "node_id": node_id,
        "data_dir": str(folder / node_id),
        "network": {"swim_bind": f"127.0.0.1:{free_port()}", "api_bind": f"127.0.0.1:{free_port()}"},
        "static": {"seed_nodes": seeds},
    }
    return settings_from({"cluster": {**tables, **cluster}})


async def start(made: Settings, **kwargs: Any) -> Distributed:
    context = await initialize_cluster(made, **kwargs)
    assert isinstance(context, Distributed)
    return context


def task_names() -> list[str]:
    return sorted(task.get_name() for task in asyncio.all_tasks())


def open_sockets() -> set[str]:
    """Return the open sockets of this process. A resolver thread of an earlier test may still close one."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the descriptor of this very listing is gone already
            links.append(str(descriptor.readlink()))
    return {link for link in links if link.startswith("socket:")}


async def until(condition: Any, timeout: float = 30) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  the state polled has no event to wait for
            await asyncio.sleep(0.02)


async def test_two_nodes_in_one_process_form_a_cluster(tmp_path: Path) -> None:
    """initialize_cluster may be called twice with different settings; both see both, and events report it."""
    one = await start(settings(tmp_path, "one", []))
    events = one.membership.events()
    seed = str(one.membership.local.addr)
    async with one, await start(settings(tmp_path, "two", [seed])) as two:
        await until(lambda: len(one.membership.members()) == len(two.membership.members()) == 2)
        event = await asyncio.wait_for(anext(events), 20)

        assert (event.kind, event.member and event.member.node_id) == (EventKind.JOINED, "two")
        assert (one.node_id, two.node_id) == ("one", "two")
        assert [s.outcome for s in two.discovery.status()] == ["found"]
        assert two.health.report().verdict.counts.alive == 2
        assert (await two.wait_ready(20)).ready


async def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    """No task, thread, socket, metric or lock is left, and the same settings can be started again at once."""
    registry = CollectorRegistry()
    made = settings(tmp_path, "one", ["127.0.0.1:9"])
    tasks, threads, sockets = asyncio.all_tasks(), set(threading.enumerate()), open_sockets()

    for _ in range(2):
        async with await start(made, registry=registry):
            assert b"engram_cluster_size 1.0" in generate_latest(registry)

    gc.collect()
    assert asyncio.all_tasks() == tasks
    assert not [t for t in threading.enumerate() if t.name.startswith("engram-gossip")]
    # A thread that saved the peers has handed over its result, and may need a moment to end.
    await until(lambda: set(threading.enumerate()) <= threads, timeout=5)
    assert open_sockets() <= sockets
    assert generate_latest(registry) == b""


async def test_a_disabled_cluster_is_a_single_node(tmp_path: Path) -> None:
    """Nothing is opened, and closing is harmless."""
    sockets, threads = open_sockets(), set(threading.enumerate())

    async with await initialize_cluster(settings_from({"cluster": {"enabled": False}})) as context:
        assert isinstance(context, SingleNode)
        assert context.ready().ready
        assert open_sockets() <= sockets
        assert set(threading.enumerate()) <= threads


async def test_a_failed_start_closes_what_it_opened(tmp_path: Path) -> None:
    """With the gossip port taken nothing is left half-started, and a second try works at once."""
    one = await start(settings(tmp_path, "one", []))
    made = settings(tmp_path, "two", [])
    taken = settings(tmp_path, "two", [], network=one.settings.cluster.network.model_dump())
    await until(lambda: "source static" in task_names())
    tasks = task_names()

    with pytest.raises(BindError, match="another process uses it"):
        await start(taken)

    assert task_names() == tasks
    async with one, await start(made) as two:
        assert two.node_id == "two"


async def test_required_within_makes_loneliness_fatal(tmp_path: Path) -> None:
    """With ``startup_timeout``, a node that joined no other does not run; the error lists the attempts."""
    made = settings(tmp_path, "one", ["127.0.0.1:9"], join={"startup_timeout": "1s"})

    with pytest.raises(JoinError, match=r"127\.0\.0\.1:9"):
        await start(made)


async def test_a_start_without_seeds_up_is_bounded(tmp_path: Path) -> None:
    """Refused, silent and unresolvable seeds together do not hold up the start beyond its deadline."""
    seeds = ["127.0.0.1:9", "no-such-host.invalid:7946", "127.0.0.1:10"]
    started = time.monotonic()

    async with await start(settings(tmp_path, "one", seeds)) as node:
        elapsed = time.monotonic() - started
        explanation = node.joiner.explain().as_dict()

    assert elapsed < 10
    assert "no-such-host.invalid" in str(explanation)
    assert "refused" in str(explanation)


async def test_cancelling_a_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """At whatever moment the start is cancelled, what was opened is closed."""
    tasks, threads, sockets = asyncio.all_tasks(), set(threading.enumerate()), open_sockets()
    for delay in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
        starting = asyncio.ensure_future(start(settings(tmp_path, "one", ["127.0.0.1:9"])))
        await asyncio.sleep(delay)

        starting.cancel()
        (result,) = await asyncio.gather(starting, return_exceptions=True)
        if isinstance(result, Distributed):
            await result.aclose()

        await until(lambda: {t for t in threading.enumerate() if t.is_alive()} <= threads)
        gc.collect()
        assert asyncio.all_tasks() == tasks
        assert open_sockets() <= sockets


async def test_the_routes_can_be_mounted_in_any_application(tmp_path: Path) -> None:
    """As routes of an application, or as an application under a path."""
    registry = CollectorRegistry()
    async with await start(settings(tmp_path, "one", []), registry=registry) as node:
        mounted = Starlette(routes=[Mount("/internal", app=cluster_app(node, registry=registry))])
        extended = Starlette(routes=cluster_routes(node))
        answers = []
        for app, path in ((mounted, "/internal/cluster/health"), (extended, "/cluster/health")):
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                answers.append((await client.get(path)).json()["status"])
                missing = await client.get(path.replace("health", "nothing"))

                assert missing.status_code == 404

    assert answers == ["healthy", "healthy"]


async def test_a_closed_node_has_left(tmp_path: Path) -> None:
    """A node that closes has left."""
    one = await start(settings(tmp_path, "one", []))
    two = await start(settings(tmp_path, "two", [str(one.membership.local.addr)]))
    async with one:
        await until(lambda: len(one.membership.members()) == 2)

        await two.aclose()
        await until(lambda: one.membership.members()[1].state is NodeState.LEFT)

        assert one.health.report().verdict.counts.left == 1


def test_a_blocked_event_loop_is_not_a_death(tmp_path: Path) -> None:
    """A program that blocks its loop and hogs the interpreter for ten seconds stays alive for the others."""
    nodes = make_nodes(tmp_path, 2)
    gossip, api = free_port("127.0.0.9"), free_port("127.0.0.9")
    program = textwrap.dedent(
        f"""
        import asyncio, time
        from engram_discovery.node.startup import initialize_cluster
        from engram_discovery.settings import settings_from

        async def main():
            tree = {{"cluster": {{"enabled": True, "name": "test", "node_id": "busy",
                     "network": {{"swim_bind": "127.0.0.9:{gossip}", "api_bind": "127.0.0.9:{api}"}},
                     "static": {{"seed_nodes": ["{nodes[0].gossip}"]}}}}}}
            async with await initialize_cluster(settings_from(tree)):
                end = time.monotonic() + 10
                while time.monotonic() < end:
                    sum(range(100_000))
                print("blocked", flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 20, "both see two alive")

        busy = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        output = busy.stdout
        assert output
        try:
            assert output.readline() == b"blocked\n"
            expected = {"n0": "alive", "n1": "alive", "busy": "alive"}
            wait_until(all_see(nodes, expected), 20, "the busy node is alive")
        finally:
            busy.kill()
            busy.wait()
            output.close()

        assert not [line for node in nodes for line in node.events("member.died")]


async def test_a_node_that_joined_knows_it_at_once(tmp_path: Path) -> None:
    """When the start returns, the member met is in the view, and the node was never reported as alone."""
    logger = RecordingLogger()
    views = []
    async with await start(settings(tmp_path, "one", [])) as one:
        seed = str(one.membership.local.addr)
        for number in range(10):
            made = settings(tmp_path, f"node-{number}", [seed])
            async with await start(made, logger=logger) as other:
                views.append([member.node_id for member in other.membership.members(ALIVE)])

    assert views == [[f"node-{number}", "one"] for number in range(10)]
    assert logger.events("cluster.not_formed") == []
