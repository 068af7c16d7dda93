"""Waits between tries: the one retry rule of the package."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

__all__ = ["LONGEST_RETRY_AFTER", "Backoff"]

#: No server makes us wait longer than this, whatever it says.
LONGEST_RETRY_AFTER = 3600.0

_LARGEST_EXPONENT = 30


class Backoff:
    """Waits that double with every failure, jittered so that many nodes do not come back in step.

    The n-th wait (from 0) is ``uniform(0.5, 1) * min(cap, base * 2**n)``; a ``retry_after`` of the other side
    wins.
    """

    def __init__(self, random: random.Random, *, base: float = 0.25, cap: float = 30.0) -> None:
        self._random = random
        self._base = base
        self._cap = cap
        self._failures = 0

    def next(self, retry_after: float | None = None) -> float:
        """Count one more failure and return the seconds to wait before the next try."""
        exponent = min(self._failures, _LARGEST_EXPONENT)
        self._failures += 1
        if retry_after is not None and math.isfinite(retry_after) and retry_after > 0:
            return min(retry_after, LONGEST_RETRY_AFTER)
        return self._random.uniform(0.5, 1.0) * min(self._cap, self._base * 2.0**exponent)

    def reset(self) -> None:
        """Forget the failures, after a success."""
        self._failures = 0
