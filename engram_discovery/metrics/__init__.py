"""Prometheus metrics on a registry that the caller gives; nothing is ever put on the default one.

Values are read at the scrape, from the current state: there is nothing to update and nothing to go stale. No address
and no node id is ever a label, so the number of series does not grow with the cluster. This package is imported only
where a registry is given, because it imports prometheus_client.
"""

from engram_discovery.metrics.collector import NodeCollector, register

__all__ = ["NodeCollector", "register"]
