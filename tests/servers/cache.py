"""Where the test suite keeps what it makes once for all checkouts: built servers, and a Go to build them with."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cache_directory", "one_at_a_time"]


def cache_directory() -> Path:
    """Return where built servers are kept: ``engram-discovery/servers`` in the user's cache directory."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "engram-discovery" / "servers"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the lock of the cache: one build runs at a time on a machine. Blocks until it is free."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
