"""What a source can tell about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engram_discovery.sources.durations import Durations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engram_discovery.errors import FailureKind

__all__ = ["Outcome", "SourceStatus"]


def _nothing() -> Mapping[str, int]:
    return MappingProxyType({})


class Outcome(StrEnum):
    """What came of a source's last round."""

    FOUND = "found"
    EMPTY = "empty"
    FAILED = "failed"
    PENDING = "pending"
    """It was not asked yet, or has not answered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source at one moment. All times are seconds.

    Attributes:
        name: The provider's name.
        outcome: What came of the last round.
        count: Endpoints held, the last good ones if the source fails.
        complete: Whether the last answer was the whole truth.
        age: Time since the last answer (found or empty); None before the first one.
        stale_for: Time since the first failure after the last answer; None while the source works.
        next_refresh_in: Time to the next round; None while the source rests because an earlier one suffices.
        error: Why the last round failed, for people; empty if it did not.
        error_kind: The same in one word.
        detail: How the last answer was got, or why it was empty.
        watching: Whether changes are pushed to us right now.
        quarantined: Whether it is asked seldom because it failed again and again by its own fault.
        failures: Failures in a row.
        attempts: Rounds so far, by outcome.
        errors: Failed rounds so far, by kind.
        durations: How long the rounds took.
        changes: How often the endpoints held have changed so far.
        partial: Answers so far that were not the whole truth, by reason.
        rejected: Records dropped so far, by reason.
        repairs: Full reads so far that found what the watch had missed.
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
    quarantined: bool = False
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
        """Whether it is not asked now, because an earlier source suffices."""
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
            "quarantined": self.quarantined,
            "failures": self.failures,
            "attempts": dict(self.attempts),
            "errors": dict(self.errors),
            "changes": self.changes,
            "partial": dict(self.partial),
            "rejected": dict(self.rejected),
            "repairs": self.repairs,
        }

    def sentence(self) -> str:
        """Say it in words: ``dns failed 40 s ago (timeout: no answer within 5 s), keeping 3``."""
        if self.outcome is Outcome.FOUND:
            part = "" if self.complete else ", not all of them"
            how = f" ({self.detail})" if self.detail else ""
            return f"{self.name} found {self.count}{part}{how}"
        if self.outcome is Outcome.EMPTY:
            kept = f", keeping {self.count} until it says so again" if self.count else ""
            return f"{self.name} answered that there is nobody ({self.detail}){kept}"
        if self.outcome is Outcome.FAILED:
            kept = f", keeping the {self.count} known before" if self.count else ""
            seconds = round(self.stale_for or 0)
            failing = f"has been failing for {seconds} s" if seconds else "failed just now"
            return f"{self.name} {failing} ({self.error_kind}: {self.error}){kept}"
        return f"{self.name} has not answered yet"
