"""Sources of endpoints: kept fresh, validated, combined. An error is never taken for an empty answer.

Called by: ``node.startup`` builds a ``Discovery``; ``joining`` reads its snapshot, ``health`` and ``http`` its status.
In: one ``Discoverer`` per provider, made by the plugin host, and the peer cache on disk.
Out: a versioned ``Snapshot`` of endpoints, its changes, and one ``SourceStatus`` per provider.

    Discoverer ──> PluginCall ──> validation ──> LastKnownGood ──> Source ─┐
    Discoverer ──> PluginCall ──> validation ──> LastKnownGood ──> Source ─┴─> Discovery (chain) ──> Snapshot
                                                       peers.json <──> PeerCache ─┘
"""

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
