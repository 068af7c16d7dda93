"""A real Prometheus scrapes real nodes, and each alert fires for its fault and resolves after it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.servers.prometheus import OPS, Prometheus, program, prometheus
from tests.support import file_registry
from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until

ALIVE = {"n0": "alive", "n1": "alive", "n2": "alive"}


@dataclass
class Rig:
    """Three nodes that share one registry, and a Prometheus that is configured with two of them."""

    nodes: list[Node]
    registry: Path
    prometheus: Prometheus

    def becomes_quiet(self) -> None:
        """Wait until all are alive and no alert fires."""
        wait_until(all_see(self.nodes, ALIVE), 60, "all three see three alive")
        wait_until(lambda: not self.prometheus.firing(), 60, "every alert has resolved")

    def fires(self, alert: str) -> None:
        wait_until(lambda: alert in self.prometheus.firing(), 60, f"{alert} fires")

    def sees(self, expression: str, values: list[float]) -> None:
        """Wait until Prometheus has scraped these values: that is within a health interval."""
        wait_until(
            lambda: sorted(self.prometheus.values(expression)) == values, 10, f"{expression} is {values}"
        )


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("scraped")
    nodes, registry = file_registry.make_cluster(folder)
    with running(nodes), prometheus(folder / "prometheus", [node.url for node in nodes[:2]]) as server:
        wait_until(lambda: len(server.up()) == 3, 30, "three targets answer")
        yield Rig(nodes, registry, server)


@pytest.fixture
def quiet(rig: Rig) -> Iterator[Rig]:
    """The same nodes for each test, without alerts before and after it."""
    rig.becomes_quiet()
    yield rig
    rig.becomes_quiet()


def test_the_rules_are_valid_and_have_their_durations() -> None:
    """``promtool`` tests every alert with its minutes."""
    ended = subprocess.run(
        [program("promtool"), "test", "rules", "alerts_test.yml"], cwd=OPS, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_all_nodes_are_found_through_one_of_them(quiet: Rig) -> None:
    """Prometheus is configured with two nodes, scrapes three, and labels each with cluster and node id."""
    labels = [t["labels"] for t in quiet.prometheus.ask("targets")["activeTargets"]]

    assert quiet.prometheus.up() == {f"{node.host}:{node.api_port}" for node in quiet.nodes}
    assert {label["engram_node"] for label in labels} == {"n0", "n1", "n2"}
    assert {label["engram_cluster"] for label in labels} == {"test"}


def test_what_is_scraped_passes_promtool(quiet: Rig) -> None:
    """Names, types and help texts follow the conventions."""
    answer = quiet.nodes[0].get("/metrics")
    assert answer

    ended = subprocess.run(
        [program("promtool"), "check", "metrics"], input=answer[1], capture_output=True, text=True
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_query_of_the_dashboard_returns_data(quiet: Rig) -> None:
    """No panel is empty in a cluster that is well, and none has a typing error."""
    text = (OPS.parent / "grafana" / "engram.json").read_text()
    queries = [target["expr"] for panel in json.loads(text)["panels"] for target in panel.get("targets", ())]

    assert len(queries) > 15
    for query in queries:
        asked = query.replace("$cluster", "test").replace("$__rate_interval", "10s")
        wait_until(partial(quiet.prometheus.values, asked), 20, f"data for {asked}")


def test_one_of_three_killed_is_degraded_until_it_is_back(quiet: Rig) -> None:
    """Metrics, alert, log and health agree on one dead; all is well after the restart."""
    quiet.nodes[2].kill()
    survivors = quiet.nodes[:2]
    wait_until(all_see(survivors, {**ALIVE, "n2": "dead"}), 30, "both survivors see one dead")
    quiet.sees('engram_cluster_nodes{state="dead"}', [1, 1])
    statuses = [node.status() for node in survivors]
    quiet.fires("EngramClusterDegraded")
    quiet.nodes[2].start()
    wait_until(all_see(quiet.nodes, ALIVE), 60, "all three see three alive")
    quiet.sees('engram_cluster_nodes{state="alive"}', [3, 3, 3])

    assert statuses == ["degraded", "degraded"]
    assert all(node.events("member.died") and node.events("health.degraded") for node in survivors)
    quiet.sees('engram_health_transitions_total{status="degraded"} > 0', [1, 1])


def test_two_of_three_killed_is_critical_until_they_are_back(quiet: Rig) -> None:
    """Health and log of the last node agree."""
    quiet.nodes[1].kill()
    quiet.nodes[2].kill()
    quiet.fires("EngramClusterCritical")
    status = quiet.nodes[0].status()
    for node in quiet.nodes[1:]:
        node.start()

    assert status == "critical"
    assert quiet.nodes[0].events("health.critical")


def test_a_source_that_is_down_is_stale_and_a_registration_in_it_lost(quiet: Rig) -> None:
    """The members stay joined, and the registry lists all nodes again after its return."""
    (quiet.registry / "refuses").touch()
    quiet.fires("EngramDiscoveryStale")
    quiet.fires("EngramRegistrationLost")
    stale = min(quiet.prometheus.values("engram_discovery_stale_seconds"))
    held = quiet.prometheus.values("engram_discovery_endpoints")
    answer = quiet.nodes[0].get("/cluster/discovery")
    states = [node.states() for node in quiet.nodes]
    (quiet.registry / "refuses").unlink()
    quiet.becomes_quiet()

    assert answer
    assert answer[1]["sources"][0]["stale_for"] == pytest.approx(stale, abs=10)
    assert (held, states) == ([3, 3, 3], [ALIVE] * 3)
    assert quiet.prometheus.values('engram_registration_state{state="registered"}') == [1, 1, 1]
    assert quiet.nodes[0].events("discovery.recovered")
    assert quiet.nodes[0].events("registration.recovered")


def test_a_removed_record_is_registered_again_and_counted(quiet: Rig) -> None:
    """A removed record is back within a renewal, counted as ``lost``."""
    record = quiet.registry / "records" / "n1"
    record.unlink()
    wait_until(record.exists, 20, "the record is back")

    quiet.sees('engram_registration_repairs_total{engram_node="n1",kind="lost"}', [1])


def test_a_plugin_that_crashes_is_circuit_open_until_it_works(quiet: Rig) -> None:
    """The alert names the provider; the metrics have the kind of its errors."""
    (quiet.registry / "crashes").touch()
    quiet.fires("EngramPluginCircuitOpen")
    kinds = quiet.prometheus.values('engram_discovery_errors_total{kind="plugin_bug"} >= 5')
    (quiet.registry / "crashes").unlink()

    assert kinds


def test_a_foreign_cluster_is_reported_while_it_is_contacted(quiet: Rig, tmp_path: Path) -> None:
    """A source gives the address of a node of another cluster: it is never joined."""
    stranger = Node("x0", "127.0.0.9", tmp_path / "x0", free_port("127.0.0.9"), free_port("127.0.0.9"), "")
    stranger.settings = '[cluster]\nenabled = true\nname = "other"\n'
    seeds = quiet.registry / "seeds"
    before = seeds.read_text()
    with running([stranger]):
        seeds.write_text(f"{before}\n{stranger.gossip}")
        quiet.fires("EngramForeignCluster")
        states = quiet.nodes[0].states()
        seeds.write_text(before)

        assert states == ALIVE
        assert any(node.events("join.foreign_cluster") for node in quiet.nodes)


def test_two_halves_are_a_split_until_they_join(tmp_path: Path) -> None:
    """Each half is healthy in its own view; only Prometheus sees both."""
    environment = file_registry.install(tmp_path / "site")
    nodes = make_nodes(tmp_path, 2)
    registries = [file_registry.make_file_registry(tmp_path / f"registry{i}", []) for i in range(2)]
    for node, registry in zip(nodes, registries, strict=True):
        node.settings, node.environment = file_registry.settings(registry), environment
    with running(nodes), prometheus(tmp_path / "prometheus", [node.url for node in nodes]) as server:
        wait_until(lambda: "EngramSplitSuspected" in server.firing(), 60, "EngramSplitSuspected fires")
        statuses = [node.status() for node in nodes]

        (registries[1] / "seeds").write_text(nodes[0].gossip)
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 60, "the halves have joined")
        wait_until(lambda: not server.firing(), 60, "every alert has resolved")

        assert statuses == ["healthy", "healthy"]
