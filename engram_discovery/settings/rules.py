"""Rules between settings: what each key allows alone, but not together with another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from engram_discovery.errors import Problem
from engram_discovery.network.address import is_loopback, is_wildcard, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from engram_discovery.settings.models import ClusterSettings
    from engram_discovery.settings.origins import Origins

__all__ = ["broken_rules", "exposed_without_key"]

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
    """Tell whether gossip goes beyond this machine unencrypted."""
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
