"""The state of this node's record in one registry: the state machine, the lease, and the counters."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from engram_discovery.errors import FailureKind

if TYPE_CHECKING:
    from engram_discovery.errors import RegistrationError
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import Lease

__all__ = ["RecordState", "RegistrationState"]


class RegistrationState(StrEnum):
    """The state of this node's record.

    pending -> unverified -> registered -> lost -> unverified …; superseded and draining are final.
    """

    PENDING = "pending"
    """Not accepted by the registry yet."""
    UNVERIFIED = "unverified"
    """Accepted by the registry, but no read has shown it yet (ADR 52)."""
    REGISTERED = "registered"
    LOST = "lost"
    """Gone from the registry, or its lease has expired."""
    SUPERSEDED = "superseded"
    """A newer run of this node's id holds the record; this run no longer writes it."""
    DRAINING = "draining"


_UNREGISTERED = frozenset({RegistrationState.PENDING, RegistrationState.UNVERIFIED, RegistrationState.LOST})


class RecordState:
    """The state, the lease and the failures of one record. Only the upkeep and the shutdown change it.

    Args:
        clock: Times the lease and the age of the state.

    Attributes:
        ttl: Seconds of the granted lease; None without a lease.
        last_error: The error of the last attempt; None after a success.
        attempts: Failures in a row.
        renewals: Number of renewals.
        repairs: Number of losses by reason: ``lost`` or ``expired``.
        failures: Number of failed attempts by kind of error.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = RegistrationState.PENDING
        self._since = clock.monotonic()
        self._granted_at = clock.monotonic()
        self._failing_since = 0.0
        self.ttl: float | None = None
        self.last_error: RegistrationError | None = None
        self.attempts = 0
        self.renewals = 0
        self.repairs: dict[str, int] = {}
        self.failures: dict[str, int] = {}

    @property
    def current(self) -> RegistrationState:
        """The state; lost as soon as the lease has expired, even while a call is under way."""
        if self._state is RegistrationState.REGISTERED and self.is_expired:
            return RegistrationState.LOST
        return self._state

    @property
    def recorded(self) -> RegistrationState:
        """The state that the upkeep has last entered."""
        return self._state

    @property
    def age(self) -> float:
        """Seconds since the state was entered."""
        return self._clock.monotonic() - self._since

    @property
    def lease_left(self) -> float | None:
        """Seconds until the registry drops the record unless it is renewed; None without a lease."""
        if self.ttl is None:
            return None
        return max(0.0, self._granted_at + self.ttl - self._clock.monotonic())

    @property
    def is_expired(self) -> bool:
        """True if the lease has run out."""
        return self.lease_left == 0

    @property
    def must_register(self) -> bool:
        """True if the record has to be registered, for the first time or again."""
        return self._state in _UNREGISTERED

    def enter(self, state: RegistrationState) -> bool:
        """Enter a state; return True if it differs from the last one."""
        if state is self._state:
            return False
        self._state, self._since = state, self._clock.monotonic()
        return True

    def grant(self, lease: Lease) -> None:
        """Record a lease granted now."""
        self.ttl = lease.ttl
        self._granted_at = self._clock.monotonic()

    def record_failure(self, error: RegistrationError) -> None:
        """Record a failed attempt."""
        if not self.attempts:
            self._failing_since = self._clock.monotonic()
        self.attempts += 1
        self.last_error = error
        self.failures[error.kind] = self.failures.get(error.kind, 0) + 1

    def record_loss(self, error: RegistrationError) -> str | None:
        """Enter ``superseded`` or ``lost`` if the error means it; return the reason of a loss."""
        if error.kind is FailureKind.SUPERSEDED:
            self.enter(RegistrationState.SUPERSEDED)
        gone = error.kind is FailureKind.NOT_FOUND
        if self._state is not RegistrationState.REGISTERED or not (gone or self.is_expired):
            return None
        reason = "lost" if gone else "expired"
        self.repairs[reason] = self.repairs.get(reason, 0) + 1
        self.enter(RegistrationState.LOST)
        return reason

    def record_success(self) -> float | None:
        """Reset the failures; return the seconds for which attempts had failed, None if none had."""
        duration = self._clock.monotonic() - self._failing_since if self.attempts else None
        self.attempts = 0
        self.last_error = None
        return duration
