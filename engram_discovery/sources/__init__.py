"""Sources of endpoints: kept fresh, remembered, combined. An error is never taken for an empty answer."""

from __future__ import annotations

from engram_discovery.sources.chain import Discovery
from engram_discovery.sources.peer_cache import PeerCache
from engram_discovery.sources.snapshot import Change, Snapshot
from engram_discovery.sources.source import Source
from engram_discovery.sources.status import Outcome, SourceStatus
from engram_discovery.sources.threaded import on_separate_thread

__all__ = [
    "Change",
    "Discovery",
    "Outcome",
    "PeerCache",
    "Snapshot",
    "Source",
    "SourceStatus",
    "on_separate_thread",
]
