"""Compute when a source is called again, and its circuit breaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.defaults import (
    CIRCUIT_BREAKER_FAILURES,
    CRASH_BACKOFF_BASE,
    EAGER_BACKOFF_BASE,
    MAX_CRASH_BACKOFF,
    MAX_EAGER_BACKOFF,
    MIN_REFRESH_INTERVAL,
    OPERATOR_RETRY_INTERVAL,
)
from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.runtime.backoff import Backoff

if TYPE_CHECKING:
    import random

__all__ = ["Schedule"]

_OWN_FAULT = frozenset({FailureKind.PLUGIN_BUG, FailureKind.TIMEOUT})


class Schedule:
    """Turns the outcome of each round into the seconds to the next round.

    Until endpoints were found, rounds follow quickly (0.1 s to 5 s, ADR 90). After that, a working source is
    called at its TTL, between 1 s and ``refresh_interval``; a failing one backs off to 30 s; after an error that only
    an operator can mend, at least 15 s pass; while the circuit breaker is open, a crashing plugin backs off to 5 min.
    """

    def __init__(self, random: random.Random, *, refresh_interval: float) -> None:
        self._random = random
        self._interval = refresh_interval
        self._eager = Backoff(random, base=EAGER_BACKOFF_BASE, cap=min(MAX_EAGER_BACKOFF, refresh_interval))
        self._failing = Backoff(random)
        self._crashing = Backoff(random, base=CRASH_BACKOFF_BASE, cap=MAX_CRASH_BACKOFF)
        self._found_once = False
        self._own_faults = 0

    @property
    def circuit_open(self) -> bool:
        """Whether the circuit breaker is open: five failures in a row were crashes or timeouts of the plugin."""
        return self._own_faults >= CIRCUIT_BREAKER_FAILURES

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
        if self.circuit_open and error.kind is FailureKind.PLUGIN_BUG:
            return self._crashing.next()
        backoff = self._failing if self._found_once else self._eager
        wait = backoff.next(error.retry_after)
        return (
            wait if error.retryable else max(wait, OPERATOR_RETRY_INTERVAL * self._random.uniform(1.0, 1.2))
        )

    def _succeeded(self) -> None:
        self._failing.reset()
        self._crashing.reset()
        self._own_faults = 0

    def _regular(self, ttl: float | None) -> float:
        wait = self._interval if ttl is None else min(max(ttl, MIN_REFRESH_INTERVAL), self._interval)
        return max(MIN_REFRESH_INTERVAL, wait * self._random.uniform(0.9, 1.1))
