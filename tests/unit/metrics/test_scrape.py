"""The series of a scrape, and labels that it never contains."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.metrics import register
from engram_discovery.testing import FakeClock, make_member
from engram_discovery.types import EventKind, JoinOutcome, NodeState
from tests.support.in_memory_node import Registry, make_node, many_members
from tests.support.scripted import Scripted, failure, found

HOSTILE = 'a"b\nc\\d'


class Scrape:
    """A registry with one node, read as Prometheus would."""

    def __init__(self, node: Any) -> None:
        self.registry = CollectorRegistry()
        self.collector = register(self.registry, node)

    def series(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        text = generate_latest(self.registry).decode()
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def get(self, name: str, **labels: str) -> float | None:
        return self.series().get((name, frozenset(labels.items())))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_members_are_counted_by_state(clock: FakeClock) -> None:
    """The counts, the status and the ratio are those of the health report."""
    members = many_members(4, NodeState.ALIVE, NodeState.SUSPECT, NodeState.DEAD, NodeState.LEFT)
    scrape = Scrape(make_node(clock, members, cluster={"expected_size": 5}))

    states = {state: scrape.get("engram_cluster_nodes", state=state) for state in NodeState}

    assert states == dict.fromkeys(NodeState, 1)
    assert scrape.get("engram_cluster_size") == 4
    assert scrape.get("engram_cluster_size_expected") == 5
    assert scrape.get("engram_cluster_health", status="critical") == 1
    assert scrape.get("engram_cluster_alive_ratio") == 0.2


async def test_changes_of_health_are_counted_and_the_largest_size_kept(clock: FakeClock) -> None:
    """The largest size is kept after members died."""
    node = make_node(clock, many_members(3))
    scrape = Scrape(node)
    node.health.start()
    await clock.advance(1)

    for number in (1, 2):
        died = make_member(f"node-{number}", NodeState.DEAD, port=1 + number)
        node.membership.see(EventKind.DIED, died)  # type: ignore[attr-defined]
        await clock.advance(1)
    await node.health.aclose()

    assert scrape.get("engram_health_transitions_total", status="degraded") == 1
    assert scrape.get("engram_health_transitions_total", status="critical") == 1
    assert scrape.get("engram_cluster_size_max") == 3


async def test_a_source_has_attempts_durations_and_age(clock: FakeClock) -> None:
    """Found once, then failing: attempts, kinds, endpoints kept, last success, stale time."""
    node = make_node(clock, discoverers={"dns": Scripted(found(1, 2), failure(FailureKind.TIMEOUT))})
    scrape = Scrape(node)

    await node.discovery.discover()
    at = clock.time()
    node.discovery.start()
    await clock.advance(40)
    held = scrape.series()
    await node.discovery.aclose()

    def of(name: str, **labels: str) -> float | None:
        return held.get((f"engram_discovery_{name}", frozenset({"provider": "dns", **labels}.items())))

    assert of("attempts_total", outcome="found") == 1
    assert of("attempts_total", outcome="failed") == of("errors_total", kind="timeout")
    assert of("duration_seconds_count") == 1 + (of("errors_total", kind="timeout") or 0)
    assert (of("endpoints"), of("changes_total")) == (2, 1)
    assert of("last_success_timestamp_seconds") == at
    assert 0 < (of("stale_seconds") or 0) <= 40


async def test_an_idle_source_is_not_stale(clock: FakeClock) -> None:
    """A failed source that is idle, because an earlier one suffices, raises no alert."""
    node = make_node(clock, discoverers={"dns": Scripted(failure())})
    scrape = Scrape(node)

    await node.discovery.discover()
    await clock.advance(600)

    assert scrape.get("engram_discovery_stale_seconds", provider="dns") == 0


async def test_a_removed_source_has_no_series(clock: FakeClock) -> None:
    """No series survives its source."""
    node = make_node(clock, discoverers={"dns": Scripted(found(1))})
    scrape = Scrape(node)
    before = scrape.get("engram_discovery_endpoints", provider="dns")

    node.discovery = make_node(clock).discovery

    assert before == 0
    assert not [labels for _, labels in scrape.series() if ("provider", "dns") in labels]


def test_every_outcome_of_a_join_has_a_series_from_the_start(clock: FakeClock) -> None:
    """So that the first rejected handshake is an increase."""
    scrape = Scrape(make_node(clock))

    assert {scrape.get("engram_join_attempts_total", outcome=result) for result in JoinOutcome} == {0}


async def test_a_registration_has_state_lease_and_repairs(clock: FakeClock) -> None:
    """Registered with time left; lost after an outage longer than the lease."""
    registry = Registry()
    node = make_node(clock, registry=registry)
    scrape = Scrape(node)
    node.registrations[0].start()
    await clock.advance(1)
    made = scrape.series()

    registry.failure = RegistrationError("away", kind=FailureKind.UNAVAILABLE)
    await clock.advance(60)
    lost = scrape.series()
    await node.registrations[0].aclose()

    state, lease = "engram_registration_state", "engram_registration_lease_seconds"
    mine = frozenset({("provider", "memory")})
    assert made[state, mine | {("state", "registered")}] == 1
    assert made[lease, mine] == 29
    assert (lost[state, mine | {("state", "lost")}], lost[lease, mine]) == (1, 0)
    assert lost["engram_registration_repairs_total", mine | {("kind", "expired")}] == 1
    assert lost["engram_registration_failures_total", mine | {("kind", "unavailable")}] > 1


def test_the_number_of_series_does_not_grow_with_the_cluster(clock: FakeClock) -> None:
    """No node id and no address is a label."""
    small = Scrape(make_node(clock, many_members(3))).series()
    large = Scrape(make_node(clock, many_members(1_000, *NodeState))).series()

    assert small.keys() == large.keys()
    assert len(large) < 250
    assert not [key for key in large if "node-" in str(key) or "127.0.0.1" in str(key)]


async def test_hostile_names_are_escaped(clock: FakeClock) -> None:
    """A provider's name with quotes, backslashes and line breaks is parsed back unchanged."""
    node = make_node(clock, discoverers={HOSTILE: Scripted(found(1))})

    await node.discovery.discover()

    assert Scrape(node).get("engram_discovery_endpoints", provider=HOSTILE) == 1


def test_a_second_node_on_one_registry_is_refused(clock: FakeClock) -> None:
    """Registries of their own work; a closed node makes room."""
    first, second = Scrape(make_node(clock)), Scrape(make_node(clock))

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        register(first.registry, make_node(clock))
    second.registry.unregister(second.collector)

    assert second.series() == {}
    register(second.registry, make_node(clock))


async def test_ten_thousand_changes_leave_nothing_behind(clock: FakeClock) -> None:
    """The history and the scrape stay bounded."""
    node = make_node(clock, many_members(3))
    node.health.start()
    await asyncio.sleep(0)

    for number in range(10_000):
        kind, state = ((EventKind.DIED, NodeState.DEAD), (EventKind.JOINED, NodeState.ALIVE))[number % 2]
        node.membership.see(kind, make_member(f"node-{number % 7}", state, port=9))  # type: ignore[attr-defined]
        if number % 10 == 9:
            await clock.advance(3)
    history = node.health.history
    await node.health.aclose()

    assert len(history.samples()) <= 901
    assert len(history.member_events()) == 50
    assert len(Scrape(node).series()) < 250


def test_nothing_of_prometheus_is_imported_without_a_registry() -> None:
    """A program without metrics does not load prometheus_client."""
    code = "import sys, engram_discovery.node.startup, engram_discovery.http; print('prometheus_client' in sys.modules)"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "False\n"
