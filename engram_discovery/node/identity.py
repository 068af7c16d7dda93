"""The identity of this node over restarts: its id and generation, stored in ``cluster.data_dir`` (ADR 3).

The generation rises with every start. It is the greater of the stored one plus one and the wall clock in milliseconds
(as in Cassandra's gossip), so that it also rises where nothing is stored or the directory was lost.
"""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from typing import TYPE_CHECKING

from engram_discovery._text import error_text
from engram_discovery.errors import Problem, SettingsError
from engram_discovery.membership.gossip_name import MAX_NODE_ID
from engram_discovery.runtime.atomic_file import write_atomically
from engram_discovery.types import NodeIdentity

if TYPE_CHECKING:
    from pathlib import Path

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["NODE_ID", "DataDirLock", "load_identity"]

#: The form of a node id.
NODE_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NODE_ID - 1}}}\Z")


def load_identity(
    *, node_id: str, cluster: str, data_dir: Path | None, clock: Clock, logger: Logger
) -> NodeIdentity:
    """Return the identity of this run. Blocks for one small write to disk.

    Args:
        node_id: The id from the settings; empty to use the stored one, or to create one.
        cluster: Name of the cluster.
        data_dir: Where id and generation are stored; None stores nothing. Must be locked by ``DataDirLock``.
        clock: The source of time.
        logger: For the events ``node_id.*``.

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
        node_id = node_id or _stored_node_id(data_dir, logger)
        generation = max(_stored_generation(data_dir) + 1, now)
        write_atomically(data_dir / "generation", str(generation).encode())
    except OSError as error:
        raise _unusable(data_dir, error) from error
    return NodeIdentity(node_id=node_id, generation=generation, cluster=cluster)


class DataDirLock:
    """Holds a data directory for one process: two nodes that share one would share an id.

    Args:
        data_dir: The directory; created if it is missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, which the system releases at the end of the process.

        Raises:
            SettingsError: Another process holds it, or the directory cannot be created.
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
        """Release the lock. Does nothing if it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _stored_node_id(data_dir: Path, logger: Logger) -> str:
    path = data_dir / "node_id"
    stored = _read(path)
    if stored is not None:
        if NODE_ID.match(stored):
            return stored
        corrupt = path.with_name("node_id.corrupt")
        path.replace(corrupt)
        logger.warning(
            "node_id.corrupt", path=str(path), moved_to=str(corrupt), remedy="a new id was created"
        )
    created = str(uuid.uuid4())
    write_atomically(path, created.encode())
    logger.info("node_id.created", node_id=created, path=str(path))
    return created


def _stored_generation(data_dir: Path) -> int:
    stored = _read(data_dir / "generation") or ""
    return int(stored) if stored.isascii() and stored.isdigit() and len(stored) <= 15 else 0


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return stream.read(256).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None


def _unusable(data_dir: Path, error: OSError) -> SettingsError:
    found = f"cannot use {data_dir}: {error_text(error)}"
    remedy = "name a directory that this process may write"
    return SettingsError([Problem("cluster.data_dir", found, remedy=remedy)])
