"""What the status page shows, as one JSON body, so that all of it is of one moment. Ages are seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from engram_discovery._version import __version__
from engram_discovery.health.history import SPAN
from engram_discovery.http.views import MOST_NODES, health_body, registration_body
from engram_discovery.network.address import format_address
from engram_discovery.node.node import Distributed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram_discovery.health.history import History
    from engram_discovery.health.monitor import HealthReport
    from engram_discovery.http.views import Answer
    from engram_discovery.node.node import ClusterContext
    from engram_discovery.types import Member

__all__ = ["status_answer"]

_MOST_NOT_JOINED = 20


def status_answer(context: ClusterContext) -> Answer:
    """Answer ``/cluster/status``: all that the status page shows. Never waits."""
    return 200, _body(context) if isinstance(context, Distributed) else {"mode": "single-node"}


def _body(context: Distributed) -> dict[str, Any]:
    now = context.clock.monotonic()
    members = context.membership.members()
    readiness = context.ready()
    return {
        "cluster": context.identity.cluster,
        "node_id": context.node_id,
        "version": __version__,
        "time": datetime.fromtimestamp(context.clock.time(), UTC).isoformat(timespec="milliseconds"),
        "ready": {"ready": readiness.ready, "reason": readiness.reason},
        "health": _health(context.health.report()),
        "members": [_member(member, now) for member in islice(members, MOST_NODES)],
        "members_total": len(members),
        "explanation": _explanation(context),
        "registrations": [registration_body(registration) for registration in context.registrations],
        "history": {"span": SPAN, "samples": list(_moments(context.health.history, now))},
        "member_events": list(_happenings(context.health.history, now)),
    }


def _health(report: HealthReport) -> dict[str, Any]:
    body = health_body(report)
    del body["nodes"]
    return body


def _explanation(context: Distributed) -> dict[str, Any]:
    body = context.joiner.explain().as_dict()
    return {**body, "not_joined": body["not_joined"][:_MOST_NOT_JOINED]}


def _member(member: Member, now: float) -> dict[str, Any]:
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


def _moments(history: History, now: float) -> Iterator[dict[str, Any]]:
    for moment in history.samples():
        verdict = moment.verdict
        yield {
            "age": round(now - moment.at, 3),
            "status": verdict.status.value,
            "alive": verdict.alive,
            "suspect": verdict.suspect,
            "dead": verdict.dead - verdict.left,
            "left": verdict.left,
        }


def _happenings(history: History, now: float) -> Iterator[dict[str, Any]]:
    for happening in history.member_events():
        yield {
            "age": round(now - happening.at, 3),
            "kind": happening.kind.value,
            "node_id": happening.node_id,
        }
