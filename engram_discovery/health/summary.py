"""The health of one view: the verdict, the report, and the rules that lead to them.

The rules are the specification's: ratio = alive / (alive + suspect + dead + left); below 0.5 critical, below 0.8
degraded; an empty view counts as 1.0. ``expected_size`` replaces the denominator where it is larger, so that nodes that
never joined do not count as healthy (ADR 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.membership.counts import MemberCounts
from engram_discovery.network.address import format_address
from engram_discovery.types import HealthStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engram_discovery.settings.models import HealthSettings
    from engram_discovery.types import CheckResult, Member, NodeState

__all__ = ["HealthReport", "NodeHealth", "Verdict", "evaluate", "node_health"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The health of a view.

    Attributes:
        status: Healthy, degraded or critical.
        counts: The members by state.
    """

    status: HealthStatus
    counts: MemberCounts


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """One node in a report.

    Attributes:
        id: Its node id.
        addr: Its gossip address.
        state: Its state.
        last_seen: Whole seconds since its state or metadata last changed in this view; 0 for this node.
        spaces: The memory spaces in its metadata.
        spaces_omitted: Number of further spaces that did not fit into gossip.
    """

    id: str
    addr: str
    state: NodeState
    last_seen: int
    spaces: tuple[str, ...]
    spaces_omitted: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The content of ``/cluster/health``.

    Attributes:
        verdict: Status and counts.
        nodes: Every member, this node first.
        checks: The last result of every health check, by name.
        own_checks: Names of the checks that the host makes of its sources; the others belong to plugins.
    """

    verdict: Verdict
    nodes: tuple[NodeHealth, ...]
    checks: Mapping[str, CheckResult]
    own_checks: frozenset[str]

    @property
    def status(self) -> HealthStatus:
        """The status of the verdict."""
        return self.verdict.status


def evaluate(
    members: Sequence[Member], settings: HealthSettings, expected_size: int | None = None
) -> Verdict:
    """Count the members and apply the thresholds."""
    counts = MemberCounts.of(members, expected_size)
    if counts.ratio < settings.critical_below:
        return Verdict(HealthStatus.CRITICAL, counts)
    if counts.ratio < settings.degraded_below:
        return Verdict(HealthStatus.DEGRADED, counts)
    return Verdict(HealthStatus.HEALTHY, counts)


def node_health(member: Member, now: float) -> NodeHealth:
    """Describe one member; ``now`` is the monotonic time of the clock in use."""
    return NodeHealth(
        member.node_id,
        format_address(member.addr),
        member.state,
        0 if member.is_self else int(now - member.updated_at),
        member.spaces,
        member.spaces_omitted,
    )
