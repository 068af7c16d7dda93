"""Prometheus metrics on a registry that the caller gives; the default registry is never used (ADR 80).

Called by: ``node.startup`` where ``initialize_cluster`` was given a registry, ``http.routes`` for ``/metrics``.
In: a ``MeasuredNode``, read at each scrape: nothing is updated in between, and nothing can become stale.
Out: metric families, and their text. No address and no node id is a label: a large cluster has as many series as a
small one.

    registry ──scrape──> NodeCollector ──reads──> health, discovery, joiner, registrations, host, membership
                              └──> definitions.GROUPS ──> series, and the reference page
"""

from prometheus_client import CollectorRegistry

from engram_discovery.metrics.collector import MeasuredNode, NodeCollector, expose, register

# CollectorRegistry is re-exported, so that no other room imports prometheus_client
__all__ = ["CollectorRegistry", "MeasuredNode", "NodeCollector", "expose", "register"]
