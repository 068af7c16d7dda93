"""Prometheus metrics on a registry that the caller gives; the default registry is never used (ADR 80).

Called by: ``node.startup`` where ``initialize_cluster`` was given a registry. Imports prometheus_client.
In: a ``MeasuredNode``, read at each scrape: nothing is updated in between, and nothing can become stale.
Out: metric families. No address and no node id is a label: the number of series does not grow with the cluster.

    registry ──scrape──> NodeCollector ──reads──> health, discovery, joiner, registrations, host, membership
                              └──> definitions.GROUPS ──> series, and the reference page
"""

from engram_discovery.metrics.collector import MeasuredNode, NodeCollector, register

__all__ = ["MeasuredNode", "NodeCollector", "register"]
