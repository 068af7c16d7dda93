"""The peer cache: the peers of the last run on disk, the last fallback of every chain.

One JSON file, written atomically, readable by its owner only. A file that cannot be trusted or read is ignored with a
warning: the cache may be missing, but must never be wrong or fatal.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

from engram_discovery.defaults import DISK_TIMEOUT, MAX_CACHE_FILE_SIZE, MAX_CACHED_PEERS
from engram_discovery.errors import DiscoveryError
from engram_discovery.runtime.atomic_file import write_atomically
from engram_discovery.runtime.daemon_threads import DaemonThreads
from engram_discovery.sources.validation import validate_answer
from engram_discovery.types import Endpoint, Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from engram_discovery.runtime.log import Logger

__all__ = ["CACHE_SOURCE", "PeerCache"]

#: Provider name of cached endpoints.
CACHE_SOURCE = "cache"

_FORMAT = 1


class PeerCache:
    """Keeps ``<data_dir>/peers.json``.

    Args:
        path: The file; its directory is made if it is missing.
        cluster: Name of the cluster; a file of another one is ignored.
        logger: For the events ``peer_cache.*``.
    """

    def __init__(self, path: Path, *, cluster: str, logger: Logger) -> None:
        self._path = path
        self._cluster = cluster
        self._logger = logger
        self._writable = True
        self._forgotten = False
        self._writing = threading.Lock()
        self._threads = DaemonThreads("engram-peers-cache")

    async def load(self) -> tuple[Endpoint, ...]:
        """Read the peers of the last run, labelled ``cache``; none if the file cannot be trusted. Never raises."""
        try:
            async with asyncio.timeout(DISK_TIMEOUT):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._read)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, RecursionError, DiscoveryError) as error:
            self._logger.warning("peer_cache.ignored", path=str(self._path), error=_reason(error))
            return ()

    async def save(self, endpoints: Iterable[Endpoint]) -> bool:
        """Write the first thousand peers. Never raises; returns whether they are on disk."""
        text = json.dumps(
            {
                "format": _FORMAT,
                "cluster": self._cluster,
                "peers": [_to_json(endpoint) for endpoint in islice(endpoints, MAX_CACHED_PEERS)],
            },
            indent=1,
        )
        return await self._run(lambda: self._write(text.encode()))

    async def forget(self) -> bool:
        """Remove the file and write no more, after a graceful leave: the next start must not rejoin."""
        return await self._run(self._remove)

    async def _run(self, action: Callable[[], None]) -> bool:
        try:
            async with asyncio.timeout(DISK_TIMEOUT):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._alone, action)
        except OSError as error:
            if self._writable:
                self._logger.warning("peer_cache.write_failed", path=str(self._path), error=_reason(error))
            self._writable = False
        else:
            self._writable = True
        return self._writable

    def _alone(self, action: Callable[[], None]) -> None:
        # a cancelled save continues in its thread; the next one must not run beside it
        with self._writing:
            action()

    def _remove(self) -> None:
        self._forgotten = True
        self._path.unlink(missing_ok=True)

    def _write(self, content: bytes) -> None:
        if self._forgotten:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, content)

    def _read(self) -> tuple[Endpoint, ...]:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            _check_trust(os.fstat(descriptor))
            content = file.read(MAX_CACHE_FILE_SIZE + 1)
        if len(content) > MAX_CACHE_FILE_SIZE:
            raise ValueError("larger than 1 MiB")
        return self._parse(json.loads(content))

    def _parse(self, document: Any) -> tuple[Endpoint, ...]:
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise ValueError("not a peer cache")
        if document.get("cluster") != self._cluster:
            raise ValueError("written for another cluster")
        peers = document.get("peers")
        if not isinstance(peers, list):
            raise ValueError("not a peer cache")  # noqa: TRY004  the file is wrong, not the caller
        return _validated(_from_json(peer) for peer in peers[:MAX_CACHED_PEERS])


def _validated(peers: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Validate the file like an answer of any other source."""
    endpoints = tuple(peers)
    if not endpoints:
        return ()
    answer = validate_answer(Found(endpoints), source=CACHE_SOURCE).answer
    return answer.endpoints if isinstance(answer, Found) else ()


def _to_json(endpoint: Endpoint) -> dict[str, object]:
    return {
        "host": endpoint.host,
        "port": endpoint.port,
        "node_id": endpoint.node_id,
        "source": endpoint.source,
    }


def _from_json(peer: Any) -> Endpoint:
    if not isinstance(peer, dict) or not isinstance(peer.get("host"), str):
        raise ValueError("a peer without a host")  # noqa: TRY004  the same
    node_id = peer.get("node_id")
    return Endpoint(
        peer["host"],
        peer.get("port", 0),
        node_id=node_id if isinstance(node_id, str) else None,
        source=CACHE_SOURCE,
    )


def _check_trust(status: os.stat_result) -> None:
    """Refuse a file that another user could have written."""
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_uid not in {os.geteuid(), 0}:
        raise ValueError("owned by another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError("writable by other users; chmod 600 it")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer from the disk"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
