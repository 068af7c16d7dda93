"""The settings of a node: every key, its type, default and meaning. Frozen; unknown keys are errors.

One declaration gives loading, validation, ``config show``, the JSON Schema and the reference page.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003  pydantic reads it at run time
from typing import Literal

from pydantic import Field

from engram_discovery.settings.names import (  # noqa: TC001  pydantic reads them at run time
    Advertise,
    ClusterName,
    GossipKeys,
    NodeId,
    ProviderNames,
)
from engram_discovery.settings.values import BindAddress, Delay, Duration, Names, Table

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

    interval: Duration = Field(default=10.0, description="Time between looks.")
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
        default=None, description="Fail the start-up if nobody joined by then."
    )
    heal_interval: Duration = Field(
        default=60.0, description="Time between looks for peers that we do not know."
    )
    min_peers: int = Field(default=1, ge=1, description="Contact at least so many peers.")
    rejoin_after_leave: bool = Field(
        default=True, description="Whether peers known before a graceful stop may be joined after it."
    )


class RegistrationSettings(Table):
    """Telling a registry that we are here, where the provider can."""

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
