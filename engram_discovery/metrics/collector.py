"""All metrics of one node as one collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from engram_discovery.metrics import cluster, discovery, gossip, joining, plugins, registration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric

    from engram_discovery.node.node import Distributed

__all__ = ["PARTS", "NodeCollector", "register"]

#: The parts by their titles in the reference; each has ``FAMILIES`` and ``collect``.
PARTS = {
    "Cluster": cluster,
    "Discovery": discovery,
    "Joining": joining,
    "Registration": registration,
    "Plugins": plugins,
    "Gossip": gossip,
}


class NodeCollector(Collector):
    """Turns the current state of a node into metrics whenever the registry is scraped."""

    def __init__(self, context: Distributed) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Yield every metric. Called by the registry, from any thread; never waits."""
        for part in PARTS.values():
            yield from part.collect(self._context)

    def describe(self) -> Iterator[Metric]:
        """Yield every metric without values, so that a second node on one registry is refused."""
        for part in PARTS.values():
            for family in part.FAMILIES:
                yield family.series({})


def register(registry: CollectorRegistry, context: Distributed) -> NodeCollector:
    """Put a node's metrics on a registry; take them off with ``registry.unregister``.

    Raises:
        ValueError: The registry already holds the metrics of a node.
    """
    collector = NodeCollector(context)
    registry.register(collector)
    return collector
