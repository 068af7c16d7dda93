"""Runs of a node folded into one member."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engram_discovery.membership.table import MemberTable
from engram_discovery.network.address import Address
from engram_discovery.testing import FakeClock, make_member
from engram_discovery.types import EventKind, MembershipEvent, NodeState


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def table(clock: FakeClock) -> MemberTable:
    return MemberTable("self", 5, forget_left_after=60, forget_dead_after=3600, clock=clock)


def kinds(events: tuple[MembershipEvent, ...]) -> list[EventKind]:
    return [event.kind for event in events]


def test_a_new_member_joins(table: MemberTable) -> None:
    """A run never seen before is a join."""
    events = table.apply(make_member("a"))

    assert kinds(events) == [EventKind.JOINED]
    assert [m.node_id for m in table.members()] == ["a"]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (NodeState.ALIVE, NodeState.SUSPECT, EventKind.SUSPECTED),
        (NodeState.SUSPECT, NodeState.ALIVE, EventKind.RECOVERED),
        (NodeState.SUSPECT, NodeState.DEAD, EventKind.DIED),
        (NodeState.ALIVE, NodeState.LEFT, EventKind.LEFT),
        (NodeState.DEAD, NodeState.ALIVE, EventKind.JOINED),
    ],
)
def test_a_change_of_state_is_one_event(
    table: MemberTable, before: NodeState, after: NodeState, kind: EventKind
) -> None:
    """Every step between states has its own event, and the view shows the new state."""
    table.apply(make_member("a", before))

    events = table.apply(make_member("a", after))

    assert kinds(events) == [kind]
    assert table.members()[0].state is after


def test_a_table_knows_the_runs_that_were_applied(table: MemberTable) -> None:
    """A run is known after its first event; another run of the same node is not."""
    run = make_member("a")
    table.apply(run)

    assert table.knows(replace(run, state=NodeState.DEAD))
    assert not table.knows(replace(run, generation=run.generation + 1))
    assert not table.knows(make_member("b"))


def test_a_repeated_state_is_not_an_event(table: MemberTable) -> None:
    """Repetition changes nothing."""
    table.apply(make_member("a"))

    assert table.apply(make_member("a", updated_at=2000.0)) == ()
    assert table.members()[0].updated_at == 1000.0


def test_changed_metadata_is_an_update(table: MemberTable) -> None:
    """New spaces of a live member are an event."""
    table.apply(make_member("a"))

    events = table.apply(replace(make_member("a"), spaces=("x",)))

    assert kinds(events) == [EventKind.UPDATED]
    assert table.members()[0].spaces == ("x",)


def test_a_restarted_node_is_one_node(table: MemberTable) -> None:
    """A newer run replaces the older one at once, at any address; the death of the old run changes nothing."""
    old = make_member("a")
    new = replace(old, generation=2, addr=Address("127.0.0.9", 7946))
    table.apply(old)

    events = table.apply(new)
    late = table.apply(replace(old, state=NodeState.DEAD))

    assert kinds(events) == [EventKind.JOINED]
    assert late == ()
    assert table.members() == (new,)


def test_an_older_run_of_this_node_is_not_a_member(table: MemberTable) -> None:
    """A crashed earlier run of this node is not listed while the engine still has it."""
    events = table.apply(replace(make_member("self"), generation=4))

    assert events == ()
    assert table.members() == ()


def test_a_dead_newer_run_does_not_hide_a_live_older_one(table: MemberTable) -> None:
    """After a run that a corrupted packet invented has died, the real run is shown again."""
    real = make_member("a")
    false = replace(real, generation=9)
    table.apply(real)

    events = [*table.apply(false), *table.apply(replace(false, state=NodeState.DEAD))]

    assert kinds(tuple(events)) == [EventKind.JOINED, EventKind.JOINED]
    assert table.members() == (real,)


def test_a_newer_run_of_this_node_is_a_conflict(table: MemberTable) -> None:
    """Another live process with this node's id is a CONFLICT event, and never listed as a member."""
    events = table.apply(replace(make_member("self"), generation=6))

    assert kinds(events) == [EventKind.CONFLICT]
    assert table.members() == ()


async def test_departed_members_are_forgotten_in_time(table: MemberTable, clock: FakeClock) -> None:
    """A member that left is listed for a minute, a dead one for an hour, a live one without limit."""
    for node_id, state in (("l", NodeState.LEFT), ("d", NodeState.DEAD), ("a", NodeState.ALIVE)):
        table.apply(make_member(node_id, state, port=1 + ord(node_id)))

    await clock.advance(59)
    before = [m.node_id for m in table.members()]
    await clock.advance(1)
    after_left = [m.node_id for m in table.members()]
    await clock.advance(3540)
    after_dead = [m.node_id for m in table.members()]

    assert (before, after_left, after_dead) == (["a", "d", "l"], ["a", "d"], ["a"])


def test_a_dead_node_whose_address_is_taken_over_is_forgotten(table: MemberTable) -> None:
    """A replacement under a new id at the old address does not leave the dead one in the count."""
    table.apply(make_member("old", NodeState.DEAD))

    table.apply(make_member("new"))

    assert [m.node_id for m in table.members()] == ["new"]


def test_resync_finds_what_was_missed(table: MemberTable) -> None:
    """After lost events, members missing from the live list have died and new ones have joined."""
    table.apply(make_member("a", port=1))
    table.apply(make_member("gone", port=2))

    events = table.resync([make_member("a", port=1), make_member("b", port=3)])

    assert kinds(events) == [EventKind.JOINED, EventKind.DIED]
    assert {m.node_id: m.state for m in table.members()} == {
        "a": NodeState.ALIVE,
        "b": NodeState.ALIVE,
        "gone": NodeState.DEAD,
    }


def test_reads_are_immutable_snapshots(table: MemberTable) -> None:
    """A snapshot taken earlier does not change, and an unchanged view is not built again."""
    table.apply(make_member("a"))
    first = table.members()

    table.apply(make_member("b", port=1))

    assert [m.node_id for m in first] == ["a"]
    assert table.members() is table.members()
