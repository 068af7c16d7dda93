"""Three real processes find each other through Consul, and stay registered through its outages."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.servers.consul import Consul
from tests.servers.process import free_port, wait_until
from tests.support.node_processes import Node, running

pytestmark = pytest.mark.server

ALIVE = {"n0": "alive", "n1": "alive", "n2": "alive"}
IDS = {"engram-n0", "engram-n1", "engram-n2"}
#: The file of docs/how-to/consul.md.
SETTINGS = """\
[cluster]
enabled = true
discovery = "consul"
{cluster}
[cluster.consul]
addr = "{addr}"
{consul}
"""


@pytest.fixture
async def consul(tmp_path: Path) -> AsyncIterator[Consul]:
    async with Consul(tmp_path / "consul") as agent:
        yield agent


def make_nodes(folder: Path, addr: str, *, cluster: str = "", consul: str = "") -> list[Node]:
    settings = SETTINGS.format(addr=addr, cluster=cluster, consul=consul)
    return [
        Node(f"n{i}", f"127.0.0.{i + 1}", folder / f"n{i}", free_port(), free_port(), settings)
        for i in range(3)
    ]


async def until(condition: Callable[[], bool], within: float, what: str) -> None:
    async def holds() -> bool:
        return condition()

    await wait_until(holds, within=within, what=what, every=0.1)


async def until_passing(consul: Consul, ids: set[str], within: float) -> None:
    async def all_pass() -> bool:
        return {
            id_ for id_, statuses in (await statuses_of(consul)).items() if statuses == {"passing"}
        } == ids

    await wait_until(all_pass, within=within, what=f"passing: {sorted(ids)}", every=0.1)


async def statuses_of(consul: Consul) -> dict[str, set[str]]:
    entries = await consul.service()
    return {id_: {check["Status"] for check in entry["Checks"]} for id_, entry in entries.items()}


def all_alive(nodes: list[Node]) -> bool:
    return all(node.states() == ALIVE for node in nodes)


def metric(node: Node, line: str) -> bool:
    answer = node.get("/metrics")
    return answer is not None and line in answer[1]


async def test_three_nodes_meet_through_consul_alone(consul: Consul, tmp_path: Path) -> None:
    """Found, registered and passing within a check interval; stopped: gone at once; killed: critical, then removed."""
    nodes = make_nodes(tmp_path, consul.addr, consul='deregister_after = "1m"')
    with running(nodes):
        await until(lambda: all_alive(nodes), 40, "all three see three alive")
        await until_passing(consul, IDS, 20)
        await until(lambda: consul_check(nodes[0])["status"] == "passing", 30, "the check of n0 passes")
        await until(lambda: all(map(is_registered, nodes)), 20, "all call themselves registered")

        status = nodes[1].stop()
        after_stop = set(await consul.service())
        complaints = nodes[1].events("discovery.failed") + nodes[1].events("discovery.watch_failed")
        nodes[2].kill()

        async def critical() -> bool:
            return (await statuses_of(consul))["engram-n2"] == {"passing", "critical"}

        async def removed() -> bool:
            return set(await consul.service()) == {"engram-n0"}

        await wait_until(critical, within=30, what="the killed node is critical", every=0.1)
        await wait_until(removed, within=120, what="the killed node is removed", every=0.5)

        assert (status, after_stop) == (0, {"engram-n0", "engram-n2"})
        assert complaints == []


def consul_check(node: Node) -> dict[str, object]:
    answer = node.get("/cluster/health")
    check: dict[str, object] = answer[1]["checks"].get("consul", {"status": "none"}) if answer else {}
    return check or {"status": "none"}


async def test_nodes_outlive_an_agent_that_forgets(consul: Consul, tmp_path: Path) -> None:
    """The agent is killed and returns empty: no member is lost, records are back soon, metrics have the reason."""
    nodes = make_nodes(tmp_path, consul.addr, consul='check_interval = "1s"')
    with running(nodes):
        await until(lambda: all_alive(nodes), 40, "all three see three alive")
        await until_passing(consul, IDS, 20)

        consul.kill()
        await until(lambda: consul_check(nodes[0])["status"] == "critical", 30, "the check of n0 is critical")
        meanwhile = all_alive(nodes)
        await consul.start()
        await until_passing(consul, IDS, 20)
        await until(lambda: all(map(tells_of_the_loss, nodes)), 20, "metrics and logs tell what happened")

        assert meanwhile
        assert all_alive(nodes)
        assert not [event for node in nodes for event in node.events("member.died")]


def tells_of_the_loss(node: Node) -> bool:
    """Return True if a node counted an outage and a loss, has its record back, and logged that."""
    outage = [
        metric(node, f'engram_registration_failures_total{{kind="{kind}",provider="consul"}}')
        for kind in ("refused", "unavailable", "timeout")  # which one, its moment decides
    ]
    return (
        any(outage)
        and metric(node, 'engram_registration_repairs_total{kind="lost",provider="consul"}')
        and is_registered(node)
        and bool(node.events("registration.recovered"))
    )


def is_registered(node: Node) -> bool:
    return metric(node, 'engram_registration_state{provider="consul",state="registered"} 1.0')


async def test_nodes_start_before_consul(tmp_path: Path) -> None:
    """Without an agent the nodes run alone and log it; once it starts, they register, find each other, and leave."""
    port = free_port()
    nodes = make_nodes(tmp_path, f"127.0.0.1:{port}", cluster="expected_size = 3")
    with running(nodes):
        await until(lambda: all(node.get("/livez") for node in nodes), 40, "all run")
        alone = [node.states() for node in nodes]

        async with Consul(tmp_path / "consul", port=port) as consul:
            await until(lambda: all_alive(nodes), 60, "all three see three alive")
            statuses = [node.stop() for node in nodes]

            assert alone == [{node.node_id: "alive"} for node in nodes]
            assert statuses == [0, 0, 0]
            assert await consul.service() == {}


async def test_a_frozen_node_is_back_at_once_and_a_moved_one_at_its_new_place(
    consul: Consul, tmp_path: Path
) -> None:
    """Frozen beyond its TTL: critical, and passing again when thawed. Moved: the record has the new address."""
    nodes = make_nodes(tmp_path, consul.addr, consul='check = "ttl"\nttl = "3s"')
    with running(nodes):
        await until_passing(consul, IDS, 40)
        frozen, moved = nodes[1], nodes[2]
        assert frozen.process

        frozen.process.send_signal(signal.SIGSTOP)

        async def critical() -> bool:
            return "critical" in (await statuses_of(consul))["engram-n1"]

        await wait_until(critical, within=20, what="the frozen node is critical", every=0.1)
        frozen.process.send_signal(signal.SIGCONT)
        await until_passing(consul, IDS, 10)

        moved.kill()
        moved.host = "127.0.0.77"
        moved.start()

        async def at_its_new_place() -> bool:
            return bool((await consul.service())["engram-n2"]["Service"]["Address"] == "127.0.0.77")

        await wait_until(at_its_new_place, within=30, what="the record has the new address", every=0.1)
        await until_passing(consul, IDS, 20)
