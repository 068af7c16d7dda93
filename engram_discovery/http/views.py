"""What each route answers: status and JSON body, from the current view."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from engram_discovery.http.targets import scrape_targets
from engram_discovery.network.address import format_address
from engram_discovery.node.node import Distributed
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.types import HealthStatus

if TYPE_CHECKING:
    from engram_discovery.health.monitor import HealthReport, NodeHealth
    from engram_discovery.node.node import ClusterContext
    from engram_discovery.registration.registration import Registration
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import CheckResult, Member

__all__ = ["MOST_NODES", "Answer", "Views", "health_body", "registration_body"]

#: A body lists so many nodes at the most, and says ``"truncated": true`` if there are more.
MOST_NODES = 1000

Answer = tuple[int, Any]


class Views:
    """The answers of one node.

    Args:
        context: The node.
        clock: Gives the times shown; must be the one that the node runs on.
    """

    def __init__(self, context: ClusterContext, clock: Clock | None = None) -> None:
        self._context = context
        self._clock = clock or SystemClock()

    def health(self) -> Answer:
        """Answer ``/cluster/health``."""
        if not isinstance(self._context, Distributed):
            return 200, _SINGLE_NODE_HEALTH
        report = self._context.health.report()
        body = health_body(report)
        if self._context.registrations:
            body["registrations"] = [registration_body(one) for one in self._context.registrations]
        return 503 if report.status is HealthStatus.CRITICAL else 200, body

    def nodes(self) -> Answer:
        """Answer ``/cluster/nodes``."""
        if not isinstance(self._context, Distributed):
            return 200, []
        wall = self._clock.time() - self._clock.monotonic()
        return 200, [_member(member, wall) for member in self._context.membership.members()[:MOST_NODES]]

    def discovery(self) -> Answer:
        """Answer ``/cluster/discovery``: what each source says, and what the node waits for."""
        if not isinstance(self._context, Distributed):
            return 200, {"phase": "single-node"}
        return 200, self._context.joiner.explain().as_dict()

    def targets(self) -> Answer:
        """Answer ``/cluster/sd``: every member as a target for Prometheus."""
        if not isinstance(self._context, Distributed):
            return 200, []
        return 200, scrape_targets(self._context.identity.cluster, self._context.membership.members())

    def ready(self) -> Answer:
        """Answer ``/readyz``."""
        readiness = self._context.ready()
        return 200 if readiness.ready else 503, {"ready": readiness.ready, "reason": readiness.reason}

    def alive(self) -> Answer:
        """Answer ``/livez`` and ``/health``: that this code runs is the answer."""
        return 200, {"status": "ok"}


def health_body(report: HealthReport) -> dict[str, Any]:
    """Write a report as the JSON body of ``/cluster/health``."""
    verdict = report.verdict
    body: dict[str, Any] = {
        "status": verdict.status.value,
        "total_nodes": verdict.total,
        "alive_nodes": verdict.alive,
        "suspect_nodes": verdict.suspect,
        "dead_nodes": verdict.dead,
        "left_nodes": verdict.left,
    }
    if report.expected_size is not None:
        body["expected_nodes"] = report.expected_size
    body["nodes"] = [_node(node) for node in report.nodes[:MOST_NODES]]
    if len(report.nodes) > MOST_NODES:
        body["truncated"] = True
    if report.checks:
        body["checks"] = {
            name: _check(result, own=name in report.own_checks) for name, result in report.checks.items()
        }
    return body


def registration_body(registration: Registration) -> dict[str, Any]:
    """Write what became of this node's record in one registry."""
    left = registration.lease_left
    return {
        "provider": registration.provider,
        "state": registration.state.value,
        "age": round(registration.age, 1),
        "lease_left": None if left is None else round(left, 1),
        "renewals": registration.renewals,
        "repairs": sum(registration.repairs.values()),
        "error": str(registration.last_error or ""),
    }


_SINGLE_NODE_HEALTH = {
    "status": "healthy",
    "mode": "single-node",
    "total_nodes": 0,
    "alive_nodes": 0,
    "suspect_nodes": 0,
    "dead_nodes": 0,
    "left_nodes": 0,
    "nodes": [],
}


def _check(result: CheckResult, *, own: bool) -> dict[str, Any]:
    ours = {"status": result.status.value, "output": result.output, "own": own}
    return {**ours, **result.details, **ours}  # a plugin's details may hold any key


def _node(node: NodeHealth) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": node.id,
        "addr": node.addr,
        "state": node.state.value,
        "last_seen": node.last_seen,
        "spaces": node.spaces,
    }
    if node.spaces_omitted:
        body["spaces_omitted"] = node.spaces_omitted
    return body


def _member(member: Member, wall: float) -> dict[str, Any]:
    """Describe a member; ``wall`` is what to add to monotonic seconds for the time of day."""
    body: dict[str, Any] = {
        "id": member.node_id,
        "addr": format_address(member.addr),
        "api_addr": format_address(member.api_addr) if member.api_addr else None,
        "state": member.state.value,
        "incarnation": member.incarnation,
        "generation": member.generation,
        "last_update": datetime.fromtimestamp(member.updated_at + wall, UTC).isoformat(
            timespec="milliseconds"
        ),
        "spaces": member.spaces,
    }
    if member.spaces_omitted:
        body["spaces_omitted"] = member.spaces_omitted
    if member.zone:
        body["zone"] = member.zone
    return body
