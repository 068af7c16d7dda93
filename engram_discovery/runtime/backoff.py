"""Compute the wait between retries: the one retry rule of the package (exponential back-off with jitter)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engram_discovery.defaults import BACKOFF_BASE, MAX_BACKOFF, MAX_RETRY_AFTER

if TYPE_CHECKING:
    import random

__all__ = ["Backoff"]

_MAX_EXPONENT = 30


class Backoff:
    """Waits that double with every failure, jittered against a thundering herd.

    The n-th wait (from 0) is ``uniform(0.5, 1) * min(cap, base * 2**n)``; ``retry_after`` of the server
    takes precedence.
    """

    def __init__(
        self, random: random.Random, *, base: float = BACKOFF_BASE, cap: float = MAX_BACKOFF
    ) -> None:
        self._random = random
        self._base = base
        self._cap = cap
        self._failures = 0

    def next(self, retry_after: float | None = None) -> float:
        """Count one more failure and return the seconds to wait before the next try."""
        exponent = min(self._failures, _MAX_EXPONENT)
        self._failures += 1
        if retry_after is not None and math.isfinite(retry_after) and retry_after > 0:
            return min(retry_after, MAX_RETRY_AFTER)
        return self._random.uniform(0.5, 1.0) * min(self._cap, self._base * 2.0**exponent)

    def reset(self) -> None:
        """Forget the failures, after a success."""
        self._failures = 0
