"""How long the rounds of a source took, as a histogram."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

__all__ = ["BOUNDS", "Durations"]

#: Upper bounds of the buckets in seconds; a round's deadline is 5 s.
BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Durations:
    """Rounds counted by how long they took.

    Attributes:
        counts: Rounds in each bucket; the last one is for those beyond every bound.
        total: Seconds that all of them took together.
    """

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    total: float = 0.0

    def and_one(self, seconds: float) -> Durations:
        """Return these and one more."""
        bucket = bisect_left(BOUNDS, seconds)
        counts = (*self.counts[:bucket], self.counts[bucket] + 1, *self.counts[bucket + 1 :])
        return Durations(counts, self.total + seconds)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """Return each bound, infinity last, with how many rounds took no longer."""
        return tuple(zip((*BOUNDS, float("inf")), accumulate(self.counts), strict=True))
