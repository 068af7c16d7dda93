"""When a source is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.runtime.backoff import Backoff

if TYPE_CHECKING:
    import random

__all__ = ["Schedule"]

_SHORTEST = 1.0
_HUMAN_NEEDED = 15.0
_QUARANTINE_AFTER = 5
_OWN_FAULT = frozenset({FailureKind.PLUGIN_BUG, FailureKind.TIMEOUT})


class Schedule:
    """Turns the outcome of each round into the seconds to the next.

    Until somebody was found, rounds come quickly (0.1 s to 5 s): a node that starts looks hard. After that, a
    working source is asked at its TTL, within 1 s and ``refresh_interval``; a failing one backs off to 30 s,
    one that only a human can mend is left alone for 15 s at least, and a crashing plugin backs off to 5 min.
    """

    def __init__(self, random: random.Random, *, refresh_interval: float) -> None:
        self._random = random
        self._interval = refresh_interval
        self._eager = Backoff(random, base=0.1, cap=min(5.0, refresh_interval))
        self._failing = Backoff(random)
        self._crashing = Backoff(random, base=10.0, cap=300.0)
        self._found_once = False
        self._own_faults = 0

    @property
    def quarantined(self) -> bool:
        """Whether the source failed five times in a row by its own fault: it crashed or did not answer."""
        return self._own_faults >= _QUARANTINE_AFTER

    def after_found(self, ttl: float | None) -> float:
        """Return the wait after an answer with endpoints."""
        self._found_once = True
        self._succeeded()
        return self._regular(ttl)

    def after_empty(self, ttl: float | None) -> float:
        """Return the wait after an empty answer."""
        self._succeeded()
        return self._regular(ttl) if self._found_once else self._eager.next()

    def after_failure(self, error: DiscoveryError) -> float:
        """Return the wait after a failure."""
        self._own_faults = self._own_faults + 1 if error.kind in _OWN_FAULT else 0
        if self.quarantined and error.kind is FailureKind.PLUGIN_BUG:
            return self._crashing.next()
        backoff = self._failing if self._found_once else self._eager
        wait = backoff.next(error.retry_after)
        return wait if error.retryable else max(wait, _HUMAN_NEEDED * self._random.uniform(1.0, 1.2))

    def _succeeded(self) -> None:
        self._failing.reset()
        self._crashing.reset()
        self._own_faults = 0

    def _regular(self, ttl: float | None) -> float:
        wait = self._interval if ttl is None else min(max(ttl, _SHORTEST), self._interval)
        return max(_SHORTEST, wait * self._random.uniform(0.9, 1.1))
