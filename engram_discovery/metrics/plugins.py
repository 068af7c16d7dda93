"""The plugins and how they behave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.host.records import PluginState
from engram_discovery.metrics.family import gauge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from engram_discovery.node.node import Distributed

__all__ = ["FAMILIES", "collect"]

PLUGINS = gauge(
    "engram_plugins",
    "Installed plugins by state: available, loaded, disabled, failed, incompatible, conflict.",
    "state",
)
QUARANTINED = gauge(
    "engram_plugin_quarantined",
    "1 while a provider is asked seldom because it failed again and again by its own fault, else 0.",
    "provider",
)
FAMILIES = (PLUGINS, QUARANTINED)


def collect(context: Distributed) -> Iterator[Metric]:
    """Yield the metrics of the plugins."""
    states = [record.state for record in context.host.records()]
    yield PLUGINS.series({(state.value,): states.count(state) for state in PluginState})
    yield QUARANTINED.series({(s.name,): s.quarantined and not s.resting for s in context.discovery.status()})
