"""Every surface shows the same numbers of members, whatever the view and whatever is expected."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from engram_discovery.cli.tables import health_line, members_table
from engram_discovery.http.bodies import Bodies, status_body
from engram_discovery.membership.counts import LIVE, MemberCounts
from engram_discovery.metrics import register
from engram_discovery.node.node import Distributed
from engram_discovery.testing import FakeClock, make_member
from engram_discovery.types import NodeState
from tests.support.in_memory_node import make_node

COUNTED = ("alive", "suspect", "dead", "left")


def node_of(states: list[NodeState], expected: int | None, requirement: str) -> Distributed:
    """Build a node that is alive and sees others in these states."""
    members = [make_member("self", is_self=True)]
    members += [make_member(f"n{i}", state, port=1 + i) for i, state in enumerate(states)]
    cluster: dict[str, Any] = {"replication": {"factor": 1}}
    if expected is not None:
        cluster |= {"expected_size": expected, "ready_requires": requirement}
    return make_node(FakeClock(), members, cluster=cluster)


def counted_by_hand(states: list[NodeState]) -> dict[str, int]:
    """Count without any code of the package."""
    all_states = [NodeState.ALIVE, *states]
    return {name: sum(state.value == name for state in all_states) for name in COUNTED}


def scraped(node: Distributed) -> dict[str, float]:
    """Return the members by state as a scrape shows them."""
    registry = CollectorRegistry()
    register(registry, node)
    values = {name: registry.get_sample_value("engram_cluster_nodes", {"state": name}) for name in COUNTED}
    return {name: value for name, value in values.items() if value is not None}


VIEWS = st.lists(st.sampled_from(list(NodeState)), max_size=12)


@given(states=VIEWS, expected=st.none() | st.integers(1, 15))
def test_all_surfaces_agree(states: list[NodeState], expected: int | None) -> None:
    """Health, HTTP, status page, metrics, explanation and command line count as a reader would."""
    node = node_of(states, expected, "expected_size")
    wanted = counted_by_hand(states)
    bodies = Bodies(node, FakeClock())
    health, nodes = bodies.health()[1], bodies.nodes()[1]
    page, explanation = status_body(node)[1], node.joiner.explain().as_dict()

    assert {name: health[f"{name}_nodes"] for name in ("alive", "suspect", "left")} == {
        name: wanted[name] for name in ("alive", "suspect", "left")
    }
    assert health["dead_nodes"] == wanted["dead"] + wanted["left"]  # as the specification counts
    assert health["total_nodes"] == sum(wanted.values())
    assert {name: sum(one["state"] == name for one in nodes) for name in COUNTED} == wanted
    assert {name: sum(one["state"] == name for one in page["members"]) for name in COUNTED} == wanted
    assert {**health, "nodes": None} == {**page["health"], "nodes": None}
    assert scraped(node) == wanted
    assert (explanation["alive"], explanation["suspect"]) == (wanted["alive"], wanted["suspect"])
    assert explanation["live"] == wanted["alive"] + wanted["suspect"]
    assert health_line(health).plain.startswith(
        f"{health['status']}: {wanted['alive']} of {sum(wanted.values())} alive"
    )
    assert members_table(nodes).row_count == sum(wanted.values())


@given(states=VIEWS, expected=st.integers(1, 15))
def test_readiness_and_explanation_count_a_suspect_as_present(states: list[NodeState], expected: int) -> None:
    """The numbers in their texts are those of the view, and suspects are named apart."""
    node = node_of(states, expected, "expected_size")
    counts = MemberCounts.of(node.membership.members(), expected)
    ready, explanation = node.ready(), node.joiner.explain()

    assert counts.live == len(node.membership.members(LIVE))
    assert ready.ready == (counts.live >= expected)
    assert ready.reason.startswith(f"{counts.live} of {expected} expected nodes are live")
    assert ("suspect" in ready.reason) == (counts.suspect > 0)
    if counts.live > 1:
        assert re.search(rf"sees {counts.live} live members of {counts.wanted}\b", explanation.paragraph())


def test_one_alive_two_suspect_of_three_expected() -> None:
    """The view on which the surfaces once disagreed: ready, formed, and critical by the specification's ratio."""
    node = node_of([NodeState.SUSPECT, NodeState.SUSPECT], 3, "expected_size")

    report = node.health.report()

    assert report.status.value == "critical"
    assert report.verdict.counts == MemberCounts(alive=1, suspect=2, expected=3)
    assert node.ready().reason == "3 of 3 expected nodes are live (2 suspect)"
    assert node.joiner.explain().phase.value == "formed"
    assert "sees 3 live members of 3 (2 suspect)" in node.joiner.explain().paragraph()
