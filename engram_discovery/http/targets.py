"""The members as targets for Prometheus (``http_sd_configs``), so that one node's address is all it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engram_discovery.network.address import format_address
from engram_discovery.types import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.types import Member

__all__ = ["scrape_targets"]


def scrape_targets(cluster: str, members: Iterable[Member]) -> list[dict[str, Any]]:
    """List every member with an API address that has not left, a target group each.

    Dead ones are listed: a target that vanished could not be seen to be down. The labels start with ``__meta_``:
    what a scrape keeps of them is for its relabelling to say.
    """
    return [
        {
            "targets": [format_address(member.api_addr)],
            "labels": {
                "__meta_engram_cluster": cluster,
                "__meta_engram_node_id": member.node_id,
                "__meta_engram_state": member.state.value,
                "__meta_engram_zone": member.zone or "",
            },
        }
        for member in members
        if member.api_addr and member.state is not NodeState.LEFT
    ]
