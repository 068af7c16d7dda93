"""A membership without a network: the test sets its view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.errors import MembershipError
from engram_discovery.membership.subscriptions import Subscription, Subscriptions
from engram_discovery.network.address import Address
from engram_discovery.types import (
    EventKind,
    JoinAttempt,
    JoinOutcome,
    JoinReport,
    Member,
    MembershipEvent,
    NodeState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from engram_discovery.types import Endpoint

__all__ = ["FakeMembership", "make_member"]


def make_member(
    node_id: str,
    state: NodeState = NodeState.ALIVE,
    *,
    port: int = 7946,
    updated_at: float = 1000.0,
    is_self: bool = False,
) -> Member:
    """Make a member of generation 1 at 127.0.0.1."""
    return Member(
        node_id=node_id,
        generation=1,
        addr=Address("127.0.0.1", port),
        api_addr=None,
        state=state,
        incarnation=0,
        updated_at=updated_at,
        is_self=is_self,
    )


class FakeMembership:
    """A ``Membership`` whose view is set by the test.

    Args:
        members: The view, this node included; by default only this node.
        reachable: Endpoints that ``join`` reaches; all others are refused.
    """

    capabilities: AbstractSet[str] = frozenset({"suspect", "left"})

    def __init__(self, members: Sequence[Member] | None = None, reachable: Sequence[Endpoint] = ()) -> None:
        self._members = list(members) if members is not None else [make_member("self", is_self=True)]
        self._subscriptions = Subscriptions()
        self.reachable = set(reachable)
        self.left = False
        self.closed = False

    @property
    def local(self) -> Member:
        """The member that is this node."""
        return next(member for member in self._members if member.is_self)

    async def start(self) -> None:
        """Do nothing."""

    async def join(self, endpoints: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        """Reach the endpoints in ``reachable``."""
        del timeout
        return JoinReport(
            tuple(
                JoinAttempt(e, JoinOutcome.JOINED if e in self.reachable else JoinOutcome.REFUSED)
                for e in endpoints
            )
        )

    def members(self, states: AbstractSet[NodeState] | None = None) -> tuple[Member, ...]:
        """Return the view."""
        return tuple(m for m in self._members if states is None or m.state in states)

    def see(self, kind: EventKind, member: Member) -> None:
        """Put a member into the view, replacing the one with its id, and notify the subscribers."""
        self._members = [m for m in self._members if m.node_id != member.node_id] + [member]
        self.publish(kind, member)

    def publish(self, kind: EventKind, member: Member) -> None:
        """Notify the subscribers without changing the view."""
        self._subscriptions.publish([MembershipEvent(kind, member)])

    def events(self) -> Subscription:
        """Subscribe, from now on."""
        return self._subscriptions.subscribe()

    def stats(self) -> dict[str, int]:
        """Return no counters."""
        return {}

    async def set_spaces(self, spaces: Sequence[str]) -> None:
        """Do nothing."""

    async def rotate_key(self, action: str, key: str) -> tuple[str, ...]:
        """Refuse: there is no encryption here."""
        raise MembershipError(f"cannot {action} a gossip key: not encrypted")

    async def leave(self, timeout: float) -> None:
        """Remember that we left."""
        self.left = True

    async def aclose(self) -> None:
        """Remember that we closed."""
        self.closed = True
        self._subscriptions.close()
