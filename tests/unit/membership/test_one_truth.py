"""Every surface shows the same numbers of members, whatever the view and whatever is expected."""

from __future__ import annotations

import asyncio
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from engram_discovery.cli.tables import health_line, members_table
from engram_discovery.health.log import HealthLog
from engram_discovery.http.bodies import Bodies, status_body
from engram_discovery.joining.explain import Phase
from engram_discovery.membership.counts import MemberCounts
from engram_discovery.metrics.collector import NodeCollector
from engram_discovery.node.node import Distributed
from engram_discovery.testing import FakeClock, RecordingLogger, make_member
from engram_discovery.types import HealthStatus, Member, NodeState
from tests.support.in_memory_node import make_node

ALIVE, SUSPECT, DEAD, LEFT = NodeState
Others = list[NodeState]

#: The state of this node, which never suspects itself, and the states of the others.
VIEWS = st.tuples(st.sampled_from([ALIVE, LEFT]), st.lists(st.sampled_from(NodeState), max_size=12))
EXPECTED_SIZES = st.none() | st.integers(min_value=1, max_value=15)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The numbers that one surface shows; None where it does not show one."""

    alive: int | None = None
    suspect: int | None = None
    dead: int | None = None
    left: int | None = None
    live: int | None = None
    expected: int | None = None

    def wrong(self, counts: MemberCounts) -> dict[str, tuple[int, int | None]]:
        """Return each number shown that differs from the counts, beside the right one."""
        pairs = {name: (shown, getattr(counts, name)) for name, shown in asdict(self).items()}
        return {name: pair for name, pair in pairs.items() if pair[0] is not None and pair[0] != pair[1]}


NAMES = tuple(asdict(Figures()))


def members_of(own: NodeState, others: Others) -> list[Member]:
    """Build a view, this node first."""
    return [
        make_member("node-0", own, port=1, is_self=True),
        *(make_member(f"node-{i}", state, port=1 + i) for i, state in enumerate(others, 1)),
    ]


def node_of(members: list[Member], expected: int | None) -> Distributed:
    """Build a node that is ready with the expected size or, without one, with any other live node."""
    cluster: dict[str, Any] = {"ready_requires": "joined"}
    if expected is not None:
        cluster = {"ready_requires": "expected_size", "expected_size": expected, "replication": {"factor": 1}}
    return make_node(FakeClock(), members, cluster=cluster)


def of_states(states: Iterable[str]) -> Figures:
    """Count members that a surface lists one by one."""
    counts = Counter(states)
    return Figures(**{state.value: counts[state.value] for state in NodeState})


def of_health_body(body: dict[str, Any]) -> Figures:
    """Read the body of ``/cluster/health``, whose ``dead_nodes`` includes the members that left."""
    return Figures(
        alive=body["alive_nodes"],
        suspect=body["suspect_nodes"],
        dead=body["dead_nodes"] - body["left_nodes"],
        left=body["left_nodes"],
        live=body["alive_nodes"] + body["suspect_nodes"],
        expected=body.get("expected_nodes"),
    )


def of_fields(fields: dict[str, Any]) -> Figures:
    """Read a surface that uses the names of the counts."""
    return Figures(**{name: fields[name] for name in NAMES if name in fields})


def of_sentence(text: str) -> Figures:
    """Read a sentence for people: the number of live nodes, and alive and suspect ones where they are named."""
    live = re.search(r"(\d+) (?:live members|(?:of \d+ expected )?nodes are live)", text)
    named = re.search(r"\((\d+) alive, (\d+) suspect\)", text)
    if not live:
        return Figures()
    number = int(live[1])
    alive, suspect = (int(named[1]), int(named[2])) if named else (number, 0)
    return Figures(alive=alive, suspect=suspect, live=number)


def printed(renderable: RenderableType) -> str:
    """Render as the command line does."""
    output = io.StringIO()
    Console(file=output, width=240).print(renderable)
    return output.getvalue()


def of_health_command(body: dict[str, Any]) -> Figures:
    """Read the first line of the command ``health``."""
    text = printed(health_line(body))
    alive = re.search(r": (\d+) of (\d+) alive", text)
    assert alive, text
    named = {word: int(number) for number, word in re.findall(r", (\d+) (\w+)", text)}
    states = {state: named.get(state, 0) for state in ("suspect", "dead", "left")}
    return Figures(alive=int(alive[1]), **states, expected=named.get("expected"))


def of_members_command(nodes: list[dict[str, Any]]) -> Figures:
    """Read the table of the command ``members``."""
    rows = printed(members_table(nodes)).splitlines()[1:]
    return of_states(row.split()[1] for row in rows)


def of_metrics(node: Distributed) -> Figures:
    """Read a scrape."""
    samples = {
        (sample.name, *sample.labels.values()): int(sample.value)
        for family in NodeCollector(node).collect()
        for sample in family.samples
    }
    states = {state.value: samples["engram_cluster_nodes", state.value] for state in NodeState}
    assert samples["engram_cluster_size",] == sum(states.values())
    live = states["alive"] + states["suspect"]
    return Figures(**states, live=live, expected=samples.get(("engram_cluster_size_expected",)))


def of_log(node: Distributed, expected: int | None) -> Figures:
    """Read the log line of a change to the node's status; a healthy start logs none."""
    logger = RecordingLogger()
    HealthLog(10.0, expected, FakeClock(), logger).record_verdict(node.health.verdict(), regular=True)
    return of_fields(logger.events[-1].facts) if logger.events else Figures()


def surfaces(node: Distributed, expected: int | None) -> dict[str, Figures]:
    """Read every surface of a node."""
    bodies = Bodies(node, node.clock)
    health, nodes, status = bodies.health()[1], bodies.nodes()[1], status_body(node)[1]
    explanation, counts = node.joiner.explain(), node.health.report().verdict.counts
    return {
        "health report": Figures(**{name: getattr(counts, name) for name in NAMES}),
        "log": of_log(node, expected),
        "readiness": of_sentence(node.ready().reason),
        "explanation": of_fields(explanation.as_dict()),
        "text of the explanation": of_sentence(explanation.sentences()[0]),
        "/cluster/health": of_health_body(health),
        "/cluster/nodes": of_states(member["state"] for member in nodes),
        "/cluster/status, health": of_health_body(status["health"]),
        "/cluster/status, members": of_states(member["state"] for member in status["members"]),
        "/cluster/status, explanation": of_fields(status["explanation"]),
        "/cluster/status, readiness": of_sentence(status["ready"]["reason"]),
        "/cluster/status, history": of_fields(status["history"]["samples"][-1]),
        "metrics": of_metrics(node),
        "command health": of_health_command(health),
        "command members": of_members_command(nodes),
    }


@given(view=VIEWS, expected=EXPECTED_SIZES)
@example(view=(ALIVE, [SUSPECT, SUSPECT]), expected=3)
@example(view=(ALIVE, [SUSPECT, DEAD]), expected=None)
@example(view=(ALIVE, [DEAD, LEFT]), expected=None)
def test_all_surfaces_agree(view: tuple[NodeState, Others], expected: int | None) -> None:
    """Alive, suspect, dead, left, live and expected are the same wherever one of them is shown."""
    own, others = view
    node = node_of(members_of(own, others), expected)
    states = Counter([own, *others])
    counts = MemberCounts(
        alive=states[ALIVE], suspect=states[SUSPECT], dead=states[DEAD], left=states[LEFT], expected=expected
    )

    asyncio.run(node.health.check())
    shown = surfaces(node, expected)

    assert {name: wrong for name, figures in shown.items() if (wrong := figures.wrong(counts))} == {}


@given(view=VIEWS, expected=EXPECTED_SIZES)
@example(view=(ALIVE, [SUSPECT, SUSPECT]), expected=3)
@example(view=(ALIVE, [SUSPECT, DEAD]), expected=None)
def test_status_readiness_and_phase_follow_from_the_numbers(
    view: tuple[NodeState, Others], expected: int | None
) -> None:
    """The share of alive members decides the status; the number of live ones decides readiness and phase."""
    own, others = view
    states = Counter([own, *others])
    alive, live = states[ALIVE], states[ALIVE] + states[SUSPECT]
    denominator = max(states.total(), expected or 0)

    node = node_of(members_of(own, others), expected)
    status, ready, phase = node.health.report().status, node.ready().ready, node.joiner.phase()

    below = [bound for bound in (0.5, 0.8) if alive / denominator < bound]
    assert status is [HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.CRITICAL][len(below)]
    assert ready == (live >= (expected or 2))
    assert not (phase is Phase.FORMED and not ready)
    assert not (phase is Phase.FORMING and ready)
    assert (phase in {Phase.ALONE, Phase.RESOLVING}) == (live <= 1 and expected != 1)


def test_one_alive_two_suspect_of_three_expected() -> None:
    """The view on which the surfaces once disagreed: ready, formed, and critical by the specification's ratio."""
    node = node_of(members_of(ALIVE, [SUSPECT, SUSPECT]), 3)

    status, body = Bodies(node, node.clock).health()

    assert (status, body["status"]) == (503, "critical")
    assert printed(health_line(body)) == "critical: 1 of 3 alive, 2 suspect, 3 expected\n"
    assert node.ready().reason == "3 of 3 expected nodes are live (1 alive, 2 suspect)"
    assert node.joiner.phase() is Phase.FORMED
    assert "sees 3 live members of 3 (1 alive, 2 suspect)" in node.joiner.explain().paragraph()
