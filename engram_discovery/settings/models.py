"""The settings models of the host, and the rules between settings."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003  pydantic reads it at run time
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field

from engram_discovery.errors import Problem
from engram_discovery.network.address import is_loopback, is_wildcard, parse_address
from engram_discovery.settings.field_types import (
    Advertise,
    BindAddress,
    ClusterName,
    Delay,
    Duration,
    GossipKeys,
    Names,
    NodeId,
    ProviderNames,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from engram_discovery.settings.origins import Origins

__all__ = [
    "RESERVED_TABLES",
    "ClusterSettings",
    "HealthSettings",
    "JoinSettings",
    "NetworkSettings",
    "Placement",
    "PluginsSettings",
    "RegistrationSettings",
    "ReplicationSettings",
    "SecuritySettings",
    "SwimSettings",
    "broken_rules",
    "exposed_without_key",
]


class Placement(StrEnum):
    """How replicas are placed."""

    RANDOM = "random"
    RACKAWARE = "rackaware"
    ZONEAWARE = "zoneaware"


class NetworkSettings(Table):
    """Addresses and sizes."""

    swim_bind: BindAddress = Field(default="0.0.0.0:7946", description="Address for gossip, UDP and TCP.")
    api_bind: BindAddress = Field(
        default="0.0.0.0:50051", description="Address for the API, health and metrics."
    )
    status_page: bool = Field(
        default=True, description="Whether the API shows a page for people at /cluster/."
    )
    max_message_size: int = Field(
        default=4 * 1024 * 1024, ge=1024, le=2**31 - 1, description="Largest API message, in bytes."
    )
    connection_pool_size: int = Field(default=4, ge=1, description="API connections kept to each peer.")


class SwimSettings(Table):
    """Failure detection. Leave alone unless the network is slow."""

    profile: Literal["lan", "wan", "local"] = Field(default="lan", description="Preset of the timings.")
    probe_interval: Duration | None = Field(
        default=None, description="Time between probes; default by profile."
    )
    probe_timeout: Duration | None = Field(
        default=None, description="Wait for an answer; default by profile."
    )
    suspicion_mult: int | None = Field(
        default=None, ge=1, description="Patience with a suspect; default by profile."
    )


class ReplicationSettings(Table):
    """How the service replicates; carried for it, not used here."""

    factor: int = Field(default=2, ge=1, description="Replicas of each memory space.")
    timeout_ms: int = Field(
        default=1000, ge=1, description="Time allowed for a replicated write, in milliseconds."
    )
    placement: Placement = Field(default=Placement.RANDOM, description="How replicas are placed.")


class HealthSettings(Table):
    """What healthy means."""

    interval: Duration = Field(default=10.0, description="Time between checks.")
    degraded_below: float = Field(
        default=0.8, gt=0, le=1, description="Below this share of alive nodes: degraded."
    )
    critical_below: float = Field(
        default=0.5, gt=0, le=1, description="Below this share of alive nodes: critical."
    )
    forget_left_after: Duration = Field(
        default=60.0, description="How long a node that left is still counted."
    )
    forget_dead_after: Duration = Field(default=3600.0, description="How long a dead node is still counted.")


class JoinSettings(Table):
    """Finding the others."""

    timeout: Duration = Field(default=5.0, description="Deadline for joining at start-up.")
    startup_timeout: Duration | None = Field(
        default=None, description="Fail the start-up if no member was joined by then."
    )
    heal_interval: Duration = Field(
        default=60.0,
        description="Time between healing rounds, which join known endpoints that are not live members.",
    )
    min_peers: int = Field(default=1, ge=1, description="Contact at least so many peers.")
    rejoin_after_leave: bool = Field(
        default=True, description="Whether peers known before a graceful stop may be joined after it."
    )


class RegistrationSettings(Table):
    """Registration of this node, where the provider supports it."""

    enabled: bool = Field(default=True, description="Whether to register.")
    drain_delay: Delay = Field(default=0.0, description="Wait between turning unready and deregistering.")


class PluginsSettings(Table):
    """Which plugins may be loaded."""

    allow: Names | None = Field(default=None, description="Only these; default: all that are installed.")
    deny: Names = Field(default=(), description="Never these.")
    strict: bool = Field(
        default=False,
        description="Whether any broken plugin is an error, selected or not, and one that leaves tasks running.",
    )


class SecuritySettings(Table):
    """Who may join."""

    keys: GossipKeys = Field(
        default=(), description="Gossip keys (base64, 32 bytes); the first one encrypts."
    )
    require_encryption: bool = Field(
        default=False, description="Whether to refuse to run unencrypted beyond loopback."
    )


class ClusterSettings(Table):
    """The table ``[cluster]``. Tables of providers are kept aside; see ``Settings.provider_tables``."""

    enabled: bool = Field(default=False, description="Whether to form a cluster; single-node otherwise.")
    name: ClusterName = Field(
        default="engram", description="Name of the cluster: nodes of other clusters are never joined."
    )
    node_id: NodeId = Field(
        default="", description="Name of this node; made once and kept in data_dir if empty."
    )
    data_dir: Path | None = Field(
        default=None, description="Where the node keeps its id, generation and known peers."
    )
    discovery: ProviderNames = Field(default=("static",), description="Provider, or providers in order.")
    discovery_mode: Literal["first", "union"] = Field(
        default="first", description="How several providers combine."
    )
    advertise: Advertise = Field(default="auto", description='"auto", an address, or "iface:NAME".')
    expected_size: int | None = Field(
        default=None, ge=1, description="How many nodes the cluster should have."
    )
    zone: str | None = Field(default=None, description="Availability zone of this node.")
    spaces: Names = Field(default=(), description="Memory spaces that this node holds.")
    ready_requires: Literal["started", "joined", "expected_size"] = Field(
        default="started", description="What makes the node ready."
    )
    network: NetworkSettings = NetworkSettings()
    swim: SwimSettings = SwimSettings()
    replication: ReplicationSettings = ReplicationSettings()
    health: HealthSettings = HealthSettings()
    join: JoinSettings = JoinSettings()
    registration: RegistrationSettings = RegistrationSettings()
    plugins: PluginsSettings = PluginsSettings()
    security: SecuritySettings = SecuritySettings()


#: Names that no provider may have, because the host has a table or a key of that name.
RESERVED_TABLES = frozenset(ClusterSettings.model_fields) | {"cluster"}


#: Key, what was found, remedy.
Broken: TypeAlias = tuple[str, str, str]


def broken_rules(
    cluster: ClusterSettings, origins: Origins, doubtful: frozenset[str] = frozenset()
) -> Iterator[Problem]:
    """Yield a problem for every rule between keys that the settings of an enabled cluster break.

    Args:
        cluster: The settings.
        origins: Where they came from.
        doubtful: Keys and tables that are wrong themselves; rules about them are left out.
    """
    for read, rule in _RULES.items():
        if not doubtful.intersection(read):
            for key, found, remedy in rule(cluster):
                yield Problem(key, found, str(origins.get(key, "")), remedy)


def exposed_without_key(cluster: ClusterSettings) -> bool:
    """Return whether gossip leaves this machine unencrypted."""
    return not cluster.security.keys and not is_loopback(parse_address(cluster.network.swim_bind).host)


def _replicas(cluster: ClusterSettings) -> Iterator[Broken]:
    size, factor = cluster.expected_size, cluster.replication.factor
    if size is not None and factor > size:
        found = f"{factor} replicas need as many nodes, but cluster.expected_size is {size}"
        yield "cluster.replication.factor", found, "lower the one or raise the other"


def _readiness(cluster: ClusterSettings) -> Iterator[Broken]:
    if cluster.expected_size is None and cluster.ready_requires == "expected_size":
        yield "cluster.ready_requires", "cluster.expected_size is not set", "set it"


def _thresholds(cluster: ClusterSettings) -> Iterator[Broken]:
    if cluster.health.critical_below > cluster.health.degraded_below:
        found = f"{cluster.health.critical_below} is above cluster.health.degraded_below"
        yield "cluster.health.critical_below", found, "critical starts where degraded ends, or below"


def _ports(cluster: ClusterSettings) -> Iterator[Broken]:
    swim, api = parse_address(cluster.network.swim_bind), parse_address(cluster.network.api_bind)
    if swim.port == api.port and (swim.host == api.host or is_wildcard(swim.host) or is_wildcard(api.host)):
        found = f"collides with cluster.network.swim_bind ({cluster.network.swim_bind}) on port {api.port}"
        yield "cluster.network.api_bind", found, "give each its own port"


def _probes(cluster: ClusterSettings) -> Iterator[Broken]:
    interval, timeout = cluster.swim.probe_interval, cluster.swim.probe_timeout
    if interval is not None and timeout is not None and timeout >= interval:
        yield "cluster.swim.probe_timeout", "not below cluster.swim.probe_interval", "keep it shorter"


def _allowed_and_denied(cluster: ClusterSettings) -> Iterator[Broken]:
    both = sorted(set(cluster.plugins.allow or ()) & set(cluster.plugins.deny))
    if both:
        yield "cluster.plugins.deny", f"{', '.join(both)} allowed and denied", "keep one"


def _unencrypted(cluster: ClusterSettings) -> Iterator[Broken]:
    if cluster.security.require_encryption and exposed_without_key(cluster):
        found = (
            f"cluster.security.require_encryption needs a gossip key to listen at {cluster.network.swim_bind}"
        )
        remedy = "set one, made with `engram-discovery keygen`, or listen at 127.0.0.1"
        yield "cluster.security.keys", found, remedy


#: What each rule reads, and the rule.
_RULES: Mapping[tuple[str, ...], Callable[[ClusterSettings], Iterator[Broken]]] = {
    ("expected_size", "replication"): _replicas,
    ("expected_size", "ready_requires"): _readiness,
    ("health",): _thresholds,
    ("network",): _ports,
    ("swim",): _probes,
    ("plugins",): _allowed_and_denied,
    ("network", "security"): _unencrypted,
}
