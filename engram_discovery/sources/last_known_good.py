"""The last known good endpoints of one source, and how each outcome changes them. No I/O, never blocks.

A failure never changes the endpoints; one empty answer after a full one proves nothing; a partial answer does not
remove what it omits (ADR 30).
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.defaults import EMPTY_CONFIRMATIONS, MAX_ENDPOINTS
from engram_discovery.sources.status import Outcome, SourceStatus
from engram_discovery.types import Found

if TYPE_CHECKING:
    from engram_discovery.errors import DiscoveryError, FailureKind
    from engram_discovery.sources.validation import ValidatedAnswer
    from engram_discovery.types import Empty, Endpoint

__all__ = ["LastKnownGood"]


class LastKnownGood:
    """The endpoints of one source, with the outcome of each round applied. Times are monotonic seconds.

    Attributes:
        endpoints: In the source's order.
        outcome: Outcome of the last round.
        ever_answered: Whether any round of this process was answered, found or empty.
        ever_found: Whether any round of this process found endpoints.
        failures: Failures in a row.
    """

    def __init__(self, name: str, *, empty_confirmations: int = EMPTY_CONFIRMATIONS) -> None:
        self._name = name
        self._empty_confirmations = empty_confirmations
        self._empties = 0
        self._complete = True
        self._answered_at: float | None = None
        self._failing_since: float | None = None
        self._error = ""
        self._error_kind: FailureKind | None = None
        self._detail = ""
        self._attempts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._changes = 0
        self._partial: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self.endpoints: tuple[Endpoint, ...] = ()
        self.outcome = Outcome.PENDING
        self.ever_found = False
        self.failures = 0

    @property
    def ever_answered(self) -> bool:
        """Whether any round of this process was answered, found or empty."""
        return self._answered_at is not None

    def record_answer(self, validated: ValidatedAnswer, now: float) -> None:
        """Apply an answer."""
        self._answered_at = now
        self._failing_since = None
        self._error, self._error_kind = "", None
        self.failures = 0
        self._rejected.update(validated.rejected)
        before = frozenset(self.endpoints)
        if isinstance(validated.answer, Found):
            self._found(validated.answer, validated.partial)
        else:
            self._empty(validated.answer)
        self._attempts[self.outcome] += 1
        self._changes += before != frozenset(self.endpoints)

    def record_failure(self, error: DiscoveryError, now: float) -> None:
        """Apply a failure: the endpoints stay."""
        self.outcome = Outcome.FAILED
        self._attempts[Outcome.FAILED] += 1
        self._error, self._error_kind = str(error), error.kind
        self._errors[error.kind] += 1
        self._empties = 0
        if self._failing_since is None:
            self._failing_since = now
        self.failures += 1

    def status(self, now: float) -> SourceStatus:
        """Return the status, except for what only the source knows (next round, watch)."""
        return SourceStatus(
            name=self._name,
            outcome=self.outcome,
            count=len(self.endpoints),
            complete=self._complete,
            age=None if self._answered_at is None else now - self._answered_at,
            stale_for=None if self._failing_since is None else now - self._failing_since,
            error=self._error,
            error_kind=self._error_kind,
            detail=self._detail,
            failures=self.failures,
            attempts=MappingProxyType(dict(self._attempts)),
            errors=MappingProxyType(dict(self._errors)),
            changes=self._changes,
            partial=MappingProxyType(dict(self._partial)),
            rejected=MappingProxyType(dict(self._rejected)),
        )

    def _found(self, found: Found, partial: str) -> None:
        self.outcome = Outcome.FOUND
        self.ever_found = True
        self._empties = 0
        self._complete = found.complete
        self._detail = found.detail
        if partial:
            self._partial[partial] += 1
        self.endpoints = found.endpoints if found.complete else _merge(found.endpoints, self.endpoints)

    def _empty(self, empty: Empty) -> None:
        self.outcome = Outcome.EMPTY
        self._empties += 1
        self._complete = True
        self._detail = empty.reason
        if self._empties >= self._empty_confirmations:
            self.endpoints = ()


def _merge(new: tuple[Endpoint, ...], old: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Add to a partial answer the last endpoints of the targets that it omits."""
    answered = {endpoint.meta.get("target") for endpoint in new} - {None}
    kept = (endpoint for endpoint in old if endpoint.meta.get("target") not in answered)
    return tuple(dict.fromkeys((*new, *kept)))[:MAX_ENDPOINTS]
