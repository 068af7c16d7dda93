"""The responses of the routes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from engram_discovery.defaults import MAX_BODY_NODES
from engram_discovery.health.monitor import ClusterHealth
from engram_discovery.http import cluster_app
from engram_discovery.http.bodies import health_body
from engram_discovery.node.node import SingleNode
from engram_discovery.settings import settings_from
from engram_discovery.settings.models import HealthSettings
from engram_discovery.testing import FakeClock, FakeMembership, RecordingLogger, make_member
from engram_discovery.types import CheckResult, CheckStatus, NodeState
from tests.support.in_memory_node import Check, make_node

HOSTILE = "</script>\u2028\x00\ud800 \x1b[31m"


@dataclass
class App:
    """An application over a single-node context, and its log."""

    log: RecordingLogger
    app: Any

    async def ask(self, method: str, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path)


@pytest.fixture
def single() -> App:
    log = RecordingLogger()
    return App(log, cluster_app(SingleNode(settings_from({"cluster": {"enabled": False}})), logger=log))


def health_of(members: list[Any]) -> ClusterHealth:
    return ClusterHealth(
        FakeMembership(members),
        HealthSettings(),
        expected_size=None,
        clock=FakeClock(),
        logger=RecordingLogger(),
    )


async def test_a_single_node_answers_every_route(single: App) -> None:
    """Healthy, alone, ready, without members."""
    health = await single.ask("GET", "/cluster/health")
    ready = await single.ask("GET", "/readyz")

    assert (health.status_code, health.json()["status"], health.json()["mode"]) == (
        200,
        "healthy",
        "single-node",
    )
    assert (await single.ask("GET", "/cluster/nodes")).json() == []
    assert ready.json() == {"ready": True, "reason": "single-node mode"}
    assert health.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/metrics", 404),
        ("GET", "/cluster/../etc/passwd", 404),
        ("GET", "/<script>", 404),
        ("POST", "/cluster/health", 405),
        ("DELETE", "/cluster/nodes", 405),
    ],
)
async def test_anything_else_is_refused_without_an_echo(
    single: App, method: str, path: str, status: int
) -> None:
    """The response does not repeat the request."""
    answer = await single.ask(method, path)

    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert "script" not in answer.text


async def test_an_error_in_a_handler_is_an_id_and_a_log_line(
    single: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response contains an id, the log the id and the error; neither contains a traceback."""

    def broken(_: SingleNode) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr(SingleNode, "ready", broken)

    answer = await single.ask("GET", "/readyz")

    assert answer.status_code == 500
    assert answer.json()["error"] == "internal"
    (logged,) = single.log.events
    assert (logged.level, logged.event, logged.facts["id"]) == ("error", "http.failed", answer.json()["id"])
    assert "broken inside" in logged.facts["error"]
    assert "broken inside" not in answer.text


def test_the_specified_fields_are_there() -> None:
    """One alive, one suspect, one dead: the specification's own example."""
    members = [
        make_member("a", is_self=True),
        make_member("b", NodeState.SUSPECT, port=2),
        make_member("c", NodeState.DEAD, port=3),
    ]

    body = health_body(health_of(members).report())

    nodes = body.pop("nodes")
    assert body == {
        "status": "critical",
        "total_nodes": 3,
        "alive_nodes": 1,
        "suspect_nodes": 1,
        "dead_nodes": 1,
        "left_nodes": 0,
    }
    assert [set(node) for node in nodes] == [{"id", "addr", "state", "last_seen", "spaces"}] * 3


async def test_checks_are_marked_whatever_their_details() -> None:
    """The node's own checks are marked, and details of a plugin never replace its status."""
    details = {"status": "passing", "own": True, "seconds": 9}
    node = make_node(
        FakeClock(),
        checks=[Check("tap", CheckResult(CheckStatus.CRITICAL, "dry", details))],
        own_checks=[Check("dns-source", CheckResult(CheckStatus.PASSING))],
    )
    await node.health.check()

    checks = health_body(node.health.report())["checks"]

    assert checks == {
        "tap": {"status": "critical", "output": "dry", "own": False, "seconds": 9},
        "dns-source": {"status": "passing", "output": "", "own": True},
    }


def test_a_large_cluster_is_truncated() -> None:
    """The list of nodes is bounded; the counts are of all nodes."""
    members = [make_member(f"n{i}", port=1 + i, is_self=i == 0) for i in range(MAX_BODY_NODES + 1)]

    body = health_body(health_of(members).report())

    assert (len(body["nodes"]), body["truncated"], body["total_nodes"]) == (
        MAX_BODY_NODES,
        True,
        MAX_BODY_NODES + 1,
    )


def test_hostile_names_are_escaped() -> None:
    """The body is ASCII JSON that contains any name unchanged."""
    member = replace(make_member("a", is_self=True), node_id=HOSTILE, spaces=(HOSTILE,))

    text = json.dumps(health_body(health_of([member]).report()))

    assert text.isascii()
    assert json.loads(text)["nodes"][0]["id"] == HOSTILE
