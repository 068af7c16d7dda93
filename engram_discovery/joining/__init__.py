"""Joining the cluster at start-up, and healing its splits for ever after."""

from __future__ import annotations

from engram_discovery.joining.joiner import Joiner

__all__ = ["Joiner"]
