"""Build the status and JSON body of every route, from the current state of the node."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from engram_discovery._version import __version__
from engram_discovery.defaults import HISTORY_LENGTH, MAX_BODY_NODES, MAX_STATUS_NOT_JOINED
from engram_discovery.network.address import format_address
from engram_discovery.node.node import Distributed
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.types import HealthStatus, NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engram_discovery.health.history import History
    from engram_discovery.health.summary import HealthReport, NodeHealth
    from engram_discovery.node.node import ClusterContext
    from engram_discovery.registration.registration import Registration
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import CheckResult, Member

__all__ = ["Bodies", "StatusAndBody", "health_body", "registration_body", "scrape_targets", "status_body"]

#: HTTP status and JSON body.
StatusAndBody = tuple[int, Any]


class Bodies:
    """The responses of one node.

    Args:
        context: The node.
        clock: The source of time; must be the clock of the node.
    """

    def __init__(self, context: ClusterContext, clock: Clock | None = None) -> None:
        self._context = context
        self._clock = clock or SystemClock()

    def health(self) -> StatusAndBody:
        """Return the response of ``/cluster/health``."""
        if not isinstance(self._context, Distributed):
            return 200, _SINGLE_NODE_HEALTH
        report = self._context.health.report()
        body = health_body(report)
        if self._context.registrations:
            body["registrations"] = [registration_body(one) for one in self._context.registrations]
        return 503 if report.status is HealthStatus.CRITICAL else 200, body

    def nodes(self) -> StatusAndBody:
        """Return the response of ``/cluster/nodes``."""
        if not isinstance(self._context, Distributed):
            return 200, []
        wall = self._clock.time() - self._clock.monotonic()
        return 200, [_member(member, wall) for member in self._context.membership.members()[:MAX_BODY_NODES]]

    def discovery(self) -> StatusAndBody:
        """Return the response of ``/cluster/discovery``: the explanation of the joining."""
        if not isinstance(self._context, Distributed):
            return 200, {"phase": "single-node"}
        return 200, self._context.joiner.explain().as_dict()

    def targets(self) -> StatusAndBody:
        """Return the response of ``/cluster/sd``: every member as a target for Prometheus."""
        if not isinstance(self._context, Distributed):
            return 200, []
        return 200, scrape_targets(self._context.identity.cluster, self._context.membership.members())

    def ready(self) -> StatusAndBody:
        """Return the response of ``/readyz``."""
        readiness = self._context.ready()
        return 200 if readiness.ready else 503, {"ready": readiness.ready, "reason": readiness.reason}

    def alive(self) -> StatusAndBody:
        """Return the response of ``/livez`` and ``/health``: the process serves requests."""
        return 200, {"status": "ok"}


def health_body(report: HealthReport) -> dict[str, Any]:
    """Return a report as the JSON body of ``/cluster/health``."""
    verdict, counts = report.verdict, report.verdict.counts
    body: dict[str, Any] = {
        "status": verdict.status.value,
        "total_nodes": counts.total,
        "alive_nodes": counts.alive,
        "suspect_nodes": counts.suspect,
        "dead_nodes": counts.departed,
        "left_nodes": counts.left,
    }
    if counts.expected is not None:
        body["expected_nodes"] = counts.expected
    body["nodes"] = [_node(node) for node in report.nodes[:MAX_BODY_NODES]]
    if len(report.nodes) > MAX_BODY_NODES:
        body["truncated"] = True
    if report.checks:
        body["checks"] = {
            name: _check(result, own=name in report.own_checks) for name, result in report.checks.items()
        }
    return body


def registration_body(registration: Registration) -> dict[str, Any]:
    """Return the state of this node's record in one registry."""
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
    own_keys = {"status": result.status.value, "output": result.output, "own": own}
    return {**own_keys, **result.details, **own_keys}  # a plugin's details may hold any key


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
    """Describe a member; ``wall`` plus monotonic seconds is the Unix time."""
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


def scrape_targets(cluster: str, members: Iterable[Member]) -> list[dict[str, Any]]:
    """Return a target group for every member with an API address that has not left (``http_sd_configs``, ADR 81).

    Dead members are included, so that Prometheus sees them as down. The labels start with ``__meta_``: the relabelling
    of the scrape decides which to keep.
    """
    return [
        {
            "targets": [format_address(member.api_addr)],
            "labels": {
                "__meta_engram_cluster": cluster,
                "__meta_engram_node_id": member.node_id,
                "__meta_engram_state": member.state.value,
                "__meta_engram_zone": member.zone or "",
            },
        }
        for member in members
        if member.api_addr and member.state is not NodeState.LEFT
    ]


def status_body(context: ClusterContext) -> StatusAndBody:
    """Return the response of ``/cluster/status``: the content of the status page. Ages are seconds. Never blocks."""
    return 200, _status_body(context) if isinstance(context, Distributed) else {"mode": "single-node"}


def _status_body(context: Distributed) -> dict[str, Any]:
    now = context.clock.monotonic()
    members = context.membership.members()
    readiness = context.ready()
    return {
        "cluster": context.identity.cluster,
        "node_id": context.node_id,
        "version": __version__,
        "time": datetime.fromtimestamp(context.clock.time(), UTC).isoformat(timespec="milliseconds"),
        "ready": {"ready": readiness.ready, "reason": readiness.reason},
        "health": _status_health(context.health.report()),
        "members": [_status_member(member, now) for member in islice(members, MAX_BODY_NODES)],
        "members_total": len(members),
        "explanation": _status_explanation(context),
        "registrations": [registration_body(registration) for registration in context.registrations],
        "history": {"span": HISTORY_LENGTH, "samples": list(_samples(context.health.history, now))},
        "member_events": list(_member_events(context.health.history, now)),
    }


def _status_health(report: HealthReport) -> dict[str, Any]:
    body = health_body(report)
    del body["nodes"]
    return body


def _status_explanation(context: Distributed) -> dict[str, Any]:
    body = context.joiner.explain().as_dict()
    return {**body, "not_joined": body["not_joined"][:MAX_STATUS_NOT_JOINED]}


def _status_member(member: Member, now: float) -> dict[str, Any]:
    return {
        "id": member.node_id,
        "state": member.state.value,
        "zone": member.zone,
        "age": round(now - member.updated_at, 1),
        "addr": format_address(member.addr),
        "api_addr": format_address(member.api_addr) if member.api_addr else None,
        "generation": member.generation,
        "incarnation": member.incarnation,
        "spaces": len(member.spaces) + member.spaces_omitted,
        "is_self": member.is_self,
    }


def _samples(history: History, now: float) -> Iterator[dict[str, Any]]:
    for sample in history.samples():
        verdict = sample.verdict
        yield {
            "age": round(now - sample.at, 3),
            "status": verdict.status.value,
            "alive": verdict.counts.alive,
            "suspect": verdict.counts.suspect,
            "dead": verdict.counts.dead,
            "left": verdict.counts.left,
        }


def _member_events(history: History, now: float) -> Iterator[dict[str, Any]]:
    for event in history.member_events():
        yield {
            "age": round(now - event.at, 3),
            "kind": event.kind.value,
            "node_id": event.node_id,
        }
