"""The values that travel between host, providers and users: frozen, slotted, comparable, safe to log."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.network.address import Address, canonical_host, format_address

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CheckResult",
    "CheckStatus",
    "Empty",
    "Endpoint",
    "EventKind",
    "Found",
    "HealthStatus",
    "JoinAttempt",
    "JoinOutcome",
    "JoinReport",
    "Lease",
    "Member",
    "MembershipEvent",
    "NodeIdentity",
    "NodeRecord",
    "NodeState",
    "ProviderInfo",
]


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


# --- discovery ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a peer may be reached for gossip. Two endpoints are the same peer if host and port agree.

    Attributes:
        host: IP address or name, canonical (no brackets, no trailing dot, lower case); see ``canonical_host``.
        port: 1..65535.
        node_id: The peer's id, where the source knows it.
        priority: Lower is contacted first (RFC 2782).
        weight: Share among equal priorities (RFC 2782).
        zone: Availability zone, where the source knows it.
        tags: Tags of the record.
        meta: Further facts of the record; never a secret.
        source: Name of the provider.
        ttl: Seconds for which the record is valid, if the source gives it.
    """

    host: str
    port: int
    node_id: str | None = field(default=None, compare=False, kw_only=True)
    priority: int = field(default=0, compare=False, kw_only=True)
    weight: int = field(default=0, compare=False, kw_only=True)
    zone: str | None = field(default=None, compare=False, kw_only=True)
    tags: tuple[str, ...] = field(default=(), compare=False, kw_only=True)
    meta: Mapping[str, str] = field(default_factory=_nothing, compare=False, kw_only=True)
    source: str = field(default="", compare=False, kw_only=True)
    ttl: float | None = field(default=None, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        """Bring the host to its one spelling.

        Raises:
            ValueError: The host is no host or the port is out of range.
        """
        object.__setattr__(self, "host", canonical_host(self.host))
        if type(self.port) is not int or not 1 <= self.port <= 65535:
            raise ValueError("expected a port 1..65535")

    @property
    def address(self) -> Address:
        """Host and port."""
        return Address(self.host, self.port)

    def __str__(self) -> str:
        return format_address(self.address)


@dataclass(frozen=True, slots=True)
class Found:
    """A source answered with endpoints, in the order in which they should be contacted.

    Attributes:
        endpoints: At least one.
        complete: False if the source knows that some are missing; those missing keep their last address.
        ttl: Seconds after which to refresh the answer, if the source gives it.
        detail: How the answer was got, for people: ``"SRV _gossip._tcp.engram.example"``.
    """

    endpoints: tuple[Endpoint, ...]
    complete: bool = True
    ttl: float | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        """Refuse a Found without endpoints: that is what ``Empty`` is for."""
        if not self.endpoints:
            raise ValueError("Found needs at least one endpoint; answer Empty(reason) instead")


@dataclass(frozen=True, slots=True)
class Empty:
    """A source states with authority that there are no endpoints. An error is never Empty: raise ``DiscoveryError``.

    Attributes:
        reason: Why, for people: ``"NXDOMAIN for engram.example"``.
        ttl: Seconds after which to refresh, if the source gives it.
    """

    reason: str
    ttl: float | None = None


# --- identity and registration -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """Who this node is: its id, and which run of it this is.

    Attributes:
        node_id: 1 to 50 characters; the same over restarts.
        generation: Rises with every start; milliseconds of the wall clock at the earliest.
        cluster: Name of the cluster, which keeps foreign clusters apart.
    """

    node_id: str
    generation: int
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """The record of a node in a registry.

    Attributes:
        identity: Who it is.
        addr: Gossip address that others reach; never a wildcard.
        api_addr: API address that others reach; never a wildcard.
        spaces: Memory spaces that the node holds.
        meta: Further facts, never a secret.
        version: Version of this package.
    """

    identity: NodeIdentity
    addr: Address
    api_addr: Address
    spaces: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=_nothing)
    version: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A registration as it was granted.

    Attributes:
        ttl: Seconds after which the record dies unless renewed, as granted (not as asked for); None if it never does.
    """

    ttl: float | None = None


# --- health checks -----------------------------------------------------------------------------------------


class CheckStatus(StrEnum):
    """The three outcomes of a check, in Consul's words."""

    PASSING = "passing"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one health check saw.

    Attributes:
        status: The verdict.
        output: One line for people, without secrets.
        details: Figures behind the verdict, JSON-serialisable.
    """

    status: CheckStatus
    output: str = ""
    details: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


# --- membership --------------------------------------------------------------------------------------------


class NodeState(StrEnum):
    """What the gossip engine holds of a member."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"


class HealthStatus(StrEnum):
    """The verdict on the whole cluster."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node as this node sees it.

    Attributes:
        node_id: Its id.
        generation: Which run of it; a restart has a higher one.
        addr: Its gossip address.
        api_addr: Its API address, if known.
        state: Its state.
        incarnation: SWIM's counter within one run; only the member itself raises it.
        updated_at: Monotonic seconds (of the clock in use) at which our view of it last changed.
        spaces: The memory spaces in its metadata.
        spaces_omitted: How many more it holds that did not fit into its gossip metadata.
        zone: Its availability zone, if known.
        is_self: Whether it is this node.
    """

    node_id: str
    generation: int
    addr: Address
    api_addr: Address | None
    state: NodeState
    incarnation: int
    updated_at: float
    spaces: tuple[str, ...] = ()
    spaces_omitted: int = 0
    zone: str | None = None
    is_self: bool = False


class EventKind(StrEnum):
    """What happened to a member."""

    JOINED = "joined"
    SUSPECTED = "suspected"
    RECOVERED = "recovered"
    DIED = "died"
    LEFT = "left"
    UPDATED = "updated"
    CONFLICT = "conflict"
    """A newer run of our own node id, in its present state, is ``member``; it may be false news until it persists."""
    LOST = "lost"
    """This consumer fell behind; read ``members()`` again. ``member`` is None, ``count`` says how many."""


@dataclass(frozen=True, slots=True)
class MembershipEvent:
    """One change of the view."""

    kind: EventKind
    member: Member | None = None
    count: int = 0


class JoinOutcome(StrEnum):
    """The outcome of one attempt to join an endpoint."""

    JOINED = "joined"
    SELF = "self"
    """This node itself: never counts as a join."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    """No answer before the deadline."""
    FOREIGN = "foreign"
    """The peer rejected the handshake: cluster name or key differs."""
    UNRESOLVABLE = "unresolvable"


@dataclass(frozen=True, slots=True)
class JoinAttempt:
    """One attempt to join an endpoint.

    Attributes:
        endpoint: The endpoint as it was asked for.
        outcome: Its outcome.
        detail: The reason in words.
    """

    endpoint: Endpoint
    outcome: JoinOutcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class JoinReport:
    """The attempts of one ``join``, in the order of the endpoints."""

    attempts: tuple[JoinAttempt, ...] = ()

    @property
    def joined(self) -> int:
        """Number of endpoints that were joined, this node not counted."""
        return sum(attempt.outcome is JoinOutcome.JOINED for attempt in self.attempts)


# --- plugins -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """The declaration of one provider by a plugin.

    Attributes:
        name: Name in ``cluster.discovery`` and of the table ``[cluster.<name>]``.
        settings_model: A pydantic model (frozen, ``extra="forbid"``) of that table.
        summary: One line for ``engram-discovery plugins``.
        capabilities: Any of ``discover``, ``watch``, ``register``, ``health``.
        requires_api: The contract version that the plugin was written for; see ``hookspecs.API_VERSION``.
        docs_url: Where its manual is, if anywhere.
    """

    name: str
    settings_model: type
    summary: str
    capabilities: frozenset[str] = frozenset({"discover"})
    requires_api: int = 1
    docs_url: str = ""
