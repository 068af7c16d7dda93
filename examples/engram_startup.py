"""The start of a database node, single or in a cluster as the settings say: ``python engram_startup.py FILE``."""

from __future__ import annotations

import asyncio
import signal
import sys

from engram_discovery import Distributed, initialize_cluster, load_settings
from engram_discovery.errors import EngramDiscoveryError


async def main(config: str) -> None:
    """Start, serve until SIGTERM, stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = load_settings(config)
    async with await initialize_cluster(settings) as cluster:
        if isinstance(cluster, Distributed):
            replicas = settings.cluster.replication.factor
            print(f"node {cluster.node_id}: {len(cluster.membership.members())} members, {replicas} replicas")
            await cluster.membership.set_spaces(["default"])
        else:
            print("single node")
        sys.stdout.flush()
        await stop.wait()  # here the database opens its stores and serves
        if isinstance(cluster, Distributed):
            cluster.drain()  # no new work from here on; leaving the block deregisters and says good-bye


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    except EngramDiscoveryError as error:
        sys.exit(str(error))
