"""Which node this is, over restarts: its id and its generation, kept in ``cluster.data_dir``.

The generation rises with every start. It is the greater of the stored one plus one and the wall clock in milliseconds
(as in Cassandra's gossip), so that it also rises where nothing is kept or the directory was lost.
"""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from typing import TYPE_CHECKING

from engram_discovery.errors import Problem, SettingsError
from engram_discovery.membership.gossip_name import MAX_NODE_ID
from engram_discovery.runtime.atomic_file import write_atomically
from engram_discovery.types import NodeIdentity

if TYPE_CHECKING:
    from pathlib import Path

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["NODE_ID", "DataDirLock", "load_identity"]

#: What a node id looks like.
NODE_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NODE_ID - 1}}}\Z")


def load_identity(
    *, node_id: str, cluster: str, data_dir: Path | None, clock: Clock, logger: Logger
) -> NodeIdentity:
    """Return who we are in this run. Blocks for one small write to disk.

    Args:
        node_id: The id from the settings; empty to use the kept one, or to make one.
        cluster: Name of the cluster.
        data_dir: Where id and generation are kept; None keeps nothing. Must be locked by ``DataDirLock``.
        clock: Gives the wall clock.
        logger: Told when an id is made, or cannot be kept.

    Raises:
        SettingsError: The directory cannot be written.
    """
    now = int(clock.time() * 1000)
    if data_dir is None:
        if not node_id:
            node_id = str(uuid.uuid4())
            logger.warning(
                "node_id.ephemeral",
                node_id=node_id,
                remedy="set cluster.data_dir or cluster.node_id: this id is lost at the next start",
            )
        return NodeIdentity(node_id=node_id, generation=now, cluster=cluster)
    try:
        node_id = node_id or _kept_node_id(data_dir, logger)
        generation = max(_kept_generation(data_dir) + 1, now)
        write_atomically(data_dir / "generation", str(generation).encode())
    except OSError as error:
        raise _unusable(data_dir, error) from error
    return NodeIdentity(node_id=node_id, generation=generation, cluster=cluster)


class DataDirLock:
    """Holds a data directory for one process: two nodes that share one would share an id.

    Args:
        data_dir: The directory; made if it is missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, which the system releases when the process ends in whatever way.

        Raises:
            SettingsError: Another process holds it, or the directory cannot be made.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self._data_dir, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            found = f"another running node uses {self._data_dir}"
            remedy = "give every node a data_dir of its own"
            raise SettingsError([Problem("cluster.data_dir", found, remedy=remedy)]) from None
        self._file = file

    def release(self) -> None:
        """Give the directory free. Does nothing if it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _kept_node_id(data_dir: Path, logger: Logger) -> str:
    path = data_dir / "node_id"
    kept = _read(path)
    if kept is not None:
        if NODE_ID.match(kept):
            return kept
        damaged = path.with_name("node_id.damaged")
        path.replace(damaged)
        logger.warning("node_id.corrupt", path=str(path), moved_to=str(damaged), remedy="a new id was made")
    made = str(uuid.uuid4())
    write_atomically(path, made.encode())
    logger.info("node_id.created", node_id=made, path=str(path))
    return made


def _kept_generation(data_dir: Path) -> int:
    kept = _read(data_dir / "generation") or ""
    return int(kept) if kept.isascii() and kept.isdigit() and len(kept) <= 15 else 0


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return stream.read(256).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None


def _unusable(data_dir: Path, error: OSError) -> SettingsError:
    found = f"cannot use {data_dir}: {error.strerror or error}"
    remedy = "name a directory that this process may write"
    return SettingsError([Problem("cluster.data_dir", found, remedy=remedy)])
