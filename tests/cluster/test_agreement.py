"""Status page, metrics, alerts and log of one cluster agree at every change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engram_discovery.settings.models import HealthSettings
from tests.servers.browser import Page, chromium
from tests.servers.prometheus import Prometheus, prometheus
from tests.support import file_registry
from tests.support.node_processes import POLL, Node, all_see, running, wait_until

ALIVE = {"n0": "alive", "n1": "alive", "n2": "alive"}
INTERVAL = HealthSettings().interval


@dataclass
class Watchers:
    """One cluster with all that an operator reads of it. The page is that of n0."""

    nodes: list[Node]
    registry: Path
    prometheus: Prometheus
    page: Page

    def agree(self, *, page: str, metric: str, alert: tuple[str, bool], event: str) -> None:
        """Wait until one surface shows the change, and require that all do within one health interval.

        Args:
            page: A condition in JavaScript.
            metric: An expression that has a value.
            alert: An alert, and whether it is active: pending or firing, for how long it waits is its own affair.
            event: An event that n0 logs because of it, and for nothing else.
        """
        surfaces: dict[str, Callable[[], object]] = {
            "page": lambda: self.page.run(page),
            "metric": lambda: self.prometheus.values(metric),
            "alert": lambda: (alert[0] in self.active()) == alert[1],
            "log": lambda: self.nodes[0].events(event),
        }
        first = wait_until(
            lambda: {name for name, shows in surfaces.items() if name != "alert" and shows()}, 60, "a sign"
        )
        deadline = time.monotonic() + INTERVAL
        while missing := {name for name, shows in surfaces.items() if not shows()}:
            assert time.monotonic() < deadline, f"{first} showed it; {missing} did not within {INTERVAL:g} s"
            time.sleep(POLL)

    def active(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.prometheus.ask("alerts")["alerts"]}


@pytest.fixture
def watchers(tmp_path: Path) -> Iterator[Watchers]:
    nodes, registry = file_registry.make_cluster(tmp_path)
    urls = [node.url for node in nodes]
    with (
        running(nodes),
        prometheus(tmp_path / "prometheus", urls) as server,
        chromium(tmp_path / "profile") as page,
    ):
        wait_until(all_see(nodes, ALIVE), 30, "all three see three alive")
        page.open(f"{nodes[0].url}/cluster/")
        page.wait("document.querySelectorAll('.member').length === 3")
        wait_until(
            lambda: len(server.up()) == 3 and not server.firing(), 60, "three targets answer, no alert"
        )
        yield Watchers(nodes, registry, server, page)


def shows(selector: str, text: str) -> str:
    return f"document.querySelector('{selector}').innerText.includes('{text}')"


def test_they_agree_after_a_kill_a_restart_a_stale_source_and_a_lost_registration(watchers: Watchers) -> None:
    """Within one health interval of the first surface that shows a change, all show it, and its end."""
    degraded = 'engram_cluster_health{engram_node="n0",status="degraded"}'
    registered = 'engram_registration_state{engram_node="n0",state="registered"}'
    stale = 'engram_discovery_stale_seconds{engram_node="n0"}'

    watchers.nodes[2].kill()
    watchers.agree(
        page=shows("#status", "Degraded"),
        metric=f"{degraded} == 1",
        alert=("EngramClusterDegraded", True),
        event="health.degraded",
    )
    watchers.nodes[2].start()
    watchers.agree(
        page=shows("#status", "Healthy"),
        metric=f"{degraded} == 0",
        alert=("EngramClusterDegraded", False),
        event="health.healthy",
    )
    (watchers.registry / "refuses").touch()
    watchers.agree(
        page=shows("#sources", "failed"),
        metric=f"{stale} > 0",
        alert=("EngramDiscoveryStale", True),
        event="discovery.failed",
    )
    watchers.agree(
        page=shows("#registrations", "lost"),
        metric=f"{registered} == 0",
        alert=("EngramRegistrationLost", True),
        event="registration.lost",
    )
    (watchers.registry / "refuses").unlink()
    wait_until(lambda: not watchers.active(), 90, "every alert has resolved")
    watchers.page.wait(shows("#registrations", "registered"))
    watchers.page.wait("document.querySelector('#warnings').innerText === ''")
