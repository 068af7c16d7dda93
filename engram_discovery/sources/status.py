"""The status of one source: outcome, counts, ages, and the sentence for people."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engram_discovery.errors import FailureKind

__all__ = ["BUCKET_BOUNDS", "Durations", "Outcome", "SourceStatus"]

#: Upper bounds of the buckets in seconds; the deadline of a round is 5 s.
BUCKET_BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram of the durations of discovery rounds.

    Attributes:
        counts: Rounds in each bucket; the last bucket holds those beyond every bound.
        total: Sum of all durations, in seconds.
    """

    counts: tuple[int, ...] = (0,) * (len(BUCKET_BOUNDS) + 1)
    total: float = 0.0

    def with_one(self, seconds: float) -> Durations:
        """Return a histogram with one more round."""
        bucket = bisect_left(BUCKET_BOUNDS, seconds)
        counts = (*self.counts[:bucket], self.counts[bucket] + 1, *self.counts[bucket + 1 :])
        return Durations(counts, self.total + seconds)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """Return pairs of bound and number of rounds that took no longer; the last bound is infinity."""
        return tuple(zip((*BUCKET_BOUNDS, float("inf")), accumulate(self.counts), strict=True))


def _nothing() -> Mapping[str, int]:
    return MappingProxyType({})


class Outcome(StrEnum):
    """The outcome of a discovery round."""

    FOUND = "found"
    EMPTY = "empty"
    FAILED = "failed"
    PENDING = "pending"
    """No round has finished yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source at one moment. All times are seconds.

    Attributes:
        name: The provider's name.
        outcome: Outcome of the last round.
        count: Endpoints held, the last good ones if the source fails.
        complete: False if the last answer was partial.
        age: Time since the last answer (found or empty); None before the first one.
        stale_for: Time since the first failure after the last answer; None while the source works.
        next_refresh_in: Time to the next round; None while the source is idle because an earlier one suffices.
        error: Why the last round failed, in words; empty if it did not.
        error_kind: The same in one word.
        detail: What answered, or why the answer was empty.
        watching: Whether a watch is open.
        circuit_open: Whether the circuit breaker is open: five failures in a row were the plugin's fault.
        failures: Failures in a row.
        attempts: Rounds so far, by outcome.
        errors: Failed rounds so far, by kind.
        durations: Histogram of the durations of rounds.
        changes: Number of changes of the endpoints so far.
        partial: Partial answers so far, by reason.
        rejected: Records dropped so far, by reason.
        repairs: Full reads so far that found changes which the watch had missed.
    """

    name: str
    outcome: Outcome = Outcome.PENDING
    count: int = 0
    complete: bool = True
    age: float | None = None
    stale_for: float | None = None
    next_refresh_in: float | None = None
    error: str = ""
    error_kind: FailureKind | None = None
    detail: str = ""
    watching: bool = False
    circuit_open: bool = False
    failures: int = 0
    attempts: Mapping[str, int] = field(default_factory=_nothing)
    errors: Mapping[str, int] = field(default_factory=_nothing)
    durations: Durations = field(default_factory=Durations)
    changes: int = 0
    partial: Mapping[str, int] = field(default_factory=_nothing)
    rejected: Mapping[str, int] = field(default_factory=_nothing)
    repairs: int = 0

    @property
    def resting(self) -> bool:
        """Whether the source is idle because an earlier one suffices."""
        return self.next_refresh_in is None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types, times to the millisecond."""
        times = {"age": self.age, "stale_for": self.stale_for, "next_refresh_in": self.next_refresh_in}
        return {
            "name": self.name,
            "outcome": self.outcome.value,
            "count": self.count,
            "complete": self.complete,
            **{name: None if value is None else round(value, 3) for name, value in times.items()},
            "error": self.error,
            "error_kind": None if self.error_kind is None else self.error_kind.value,
            "detail": self.detail,
            "watching": self.watching,
            "circuit_open": self.circuit_open,
            "failures": self.failures,
            "attempts": dict(self.attempts),
            "errors": dict(self.errors),
            "changes": self.changes,
            "partial": dict(self.partial),
            "rejected": dict(self.rejected),
            "repairs": self.repairs,
        }

    def sentence(self) -> str:
        """Return it in words: ``dns has been failing for 40 s (timeout: no answer within 5 s), keeping the last 3``."""
        if self.outcome is Outcome.FOUND:
            part = "" if self.complete else ", incomplete"
            how = f" ({self.detail})" if self.detail else ""
            return f"{self.name} found {self.count}{part}{how}"
        if self.outcome is Outcome.EMPTY:
            kept = f", keeping the last {self.count} until it is confirmed" if self.count else ""
            return f"{self.name} found no endpoints ({self.detail}){kept}"
        if self.outcome is Outcome.FAILED:
            kept = f", keeping the last {self.count}" if self.count else ""
            seconds = round(self.stale_for or 0)
            failing = f"has been failing for {seconds} s" if seconds else "failed just now"
            return f"{self.name} {failing} ({self.error_kind}: {self.error}){kept}"
        return f"{self.name} has not answered yet"
