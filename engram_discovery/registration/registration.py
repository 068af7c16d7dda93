"""Keep a registration in its desired state: register, renew, verify, repair, and deregister at shutdown.

An accepted write proves nothing (an agent without a quorum accepts, too): a node counts as registered only when a read
shows its record (ADR 52). No failure in here stops the node.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from engram_discovery.defaults import (
    CALL_TIMEOUT,
    CHANGE_VERIFY_INTERVAL,
    MAX_REGISTRATION_BACKOFF,
    OPERATOR_RETRY_INTERVAL,
    VERIFY_INTERVAL,
)
from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.protocols import WatchingRegistrar
from engram_discovery.runtime.backoff import Backoff
from engram_discovery.runtime.failure_log import is_power_of_two
from engram_discovery.runtime.plugin_call import PluginCall, PluginCallError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from engram_discovery.protocols import Registrar
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import Lease, NodeRecord

__all__ = ["Registration", "RegistrationState"]

_T = TypeVar("_T")


class RegistrationState(StrEnum):
    """The state of our record."""

    PENDING = "pending"
    UNVERIFIED = "unverified"
    """Accepted by the registry, but no read has shown it yet."""
    REGISTERED = "registered"
    LOST = "lost"
    SUPERSEDED = "superseded"
    """A newer run of this node id holds the record."""
    DRAINING = "draining"


#: States in which the record must be registered (again).
_UNREGISTERED = frozenset({RegistrationState.PENDING, RegistrationState.UNVERIFIED, RegistrationState.LOST})


class Registration:
    """Keeps one record in one registry.

    It renews and verifies the record in time, and verifies it when the registrar reports a change.

    Args:
        provider: Name of the provider, for logs and metrics.
        registrar: The client of the registry.
        node: The record.
        clock: The source of time.
        random: Jitter.
        logger: For the events ``registration.*``.

    Attributes:
        plugin_call: Runs the registrar's coroutines.
    """

    def __init__(
        self,
        provider: str,
        registrar: Registrar,
        node: NodeRecord,
        *,
        clock: Clock,
        random: Random,
        logger: Logger,
    ) -> None:
        self.provider = provider
        self._registrar = registrar
        self._node = node
        self._clock = clock
        self._random = random
        self._logger = logger
        self._backoff = Backoff(random, cap=MAX_REGISTRATION_BACKOFF)
        self.plugin_call = PluginCall(provider, clock, logger)
        self._state = RegistrationState.PENDING
        self._since = clock.monotonic()
        self._ttl: float | None = None
        self._renewed_at = clock.monotonic()
        self._failures = 0
        self._failing_since = 0.0
        self._task: asyncio.Task[None] | None = None
        self.last_error: RegistrationError | None = None
        self.renewals = 0
        self.repairs: dict[str, int] = {}
        self.failures: dict[str, int] = {}

    @property
    def state(self) -> RegistrationState:
        """The state of our record; lost as soon as its lease has expired, even during a call."""
        if self._state is RegistrationState.REGISTERED and self._expired:
            return RegistrationState.LOST
        return self._state

    @property
    def age(self) -> float:
        """Seconds since the last change of the state."""
        return self._clock.monotonic() - self._since

    @property
    def lease_left(self) -> float | None:
        """Seconds until the registry drops the record unless it is renewed; None if it has no lease."""
        if self._ttl is None:
            return None
        return max(0.0, self._renewed_at + self._ttl - self._clock.monotonic())

    @property
    def _expired(self) -> bool:
        return self.lease_left == 0

    def start(self) -> None:
        """Start the upkeep. Call once, on the event loop; never waits for the registry."""
        self._task = asyncio.create_task(self._upkeep(), name=f"engram-registration-{self.provider}")

    async def aclose(self, *, drain_delay: float = 0.0) -> None:
        """Stop the upkeep, wait ``drain_delay`` seconds, deregister. Never raises; bounded by one call's timeout."""
        self._enter(RegistrationState.DRAINING)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._clock.sleep(drain_delay)
            await self._call(self._registrar.deregister)
            self._logger.info("registration.removed", provider=self.provider)
        except RegistrationError as error:
            self._logger.warning(
                "registration.deregister_failed",
                provider=self.provider,
                error=str(error),
                expires_in_seconds=self._ttl,
            )
        finally:
            await self._release()

    async def _release(self) -> None:
        try:
            await self._call(self._registrar.aclose)
        except RegistrationError as error:
            self._logger.warning("registration.close_failed", provider=self.provider, error=str(error))

    async def _upkeep(self) -> None:
        while self._state is not RegistrationState.SUPERSEDED:
            try:
                await self._wait(await self._step())
                continue
            except RegistrationError as error:
                due = self._record_failure(error)
            except Exception as error:  # noqa: BLE001  a bug of ours must not end the upkeep: logged, retried
                due = self._record_failure(
                    RegistrationError(f"{type(error).__name__}: {error}", kind=FailureKind.PLUGIN_BUG)
                )
            await self._clock.sleep(due)

    async def _step(self) -> float:
        """Register, renew or verify, and return the seconds until the next step."""
        if self._state in _UNREGISTERED:
            self._record_lease(await self._call(partial(self._registrar.register, self._node)))
            self._enter(RegistrationState.UNVERIFIED)
        elif self._ttl is not None:
            self._record_lease(await self._call(self._registrar.renew, timeout=self._call_timeout))
            self.renewals += 1
        if not await self._call(self._registrar.verify, timeout=self._call_timeout):
            raise self._missing()
        self._enter(RegistrationState.REGISTERED)
        self._record_success()
        due = VERIFY_INTERVAL * self._random.uniform(0.8, 1.2)
        return due if self._ttl is None else min(due, self._ttl / 3)

    @property
    def _call_timeout(self) -> float:
        """Seconds for one call; with a lease at most a third of its TTL, so that a slow read never costs a renewal."""
        return CALL_TIMEOUT if self._ttl is None else min(CALL_TIMEOUT, self._ttl / 3)

    async def _wait(self, due: float) -> None:
        """Wait until the next step is due, or the registrar reports a change."""
        if not isinstance(self._registrar, WatchingRegistrar):
            await self._clock.sleep(due)
            return
        due_timer = asyncio.ensure_future(self._clock.sleep(due))
        changed = asyncio.ensure_future(self._wait_for_change(self._registrar))
        try:
            await asyncio.wait({due_timer, changed}, return_when=asyncio.FIRST_COMPLETED)
            if changed.done() and (error := changed.exception()) is not None:
                self._logger.debug("registration.watch_unavailable", provider=self.provider, error=str(error))
                await due_timer  # the regular verification remains
        finally:
            due_timer.cancel()
            changed.cancel()
            await asyncio.gather(due_timer, changed, return_exceptions=True)

    async def _wait_for_change(self, registrar: WatchingRegistrar) -> None:
        await self._clock.sleep(CHANGE_VERIFY_INTERVAL)  # at most one verification a second
        await self._call(registrar.wait_for_change, timeout=None)

    def _record_lease(self, lease: Lease) -> None:
        self._ttl = lease.ttl
        self._renewed_at = self._clock.monotonic()

    def _missing(self) -> RegistrationError:
        if self._state is RegistrationState.REGISTERED:
            return RegistrationError("the record is missing from the registry", kind=FailureKind.NOT_FOUND)
        return RegistrationError(
            "the registry accepted the record, but a read does not show it", kind=FailureKind.UNAVAILABLE
        )

    def _record_failure(self, error: RegistrationError) -> float:
        """Record a failure, and return the seconds until the next try."""
        self.last_error = error
        if not self._failures:
            self._failing_since = self._clock.monotonic()
        self._failures += 1
        self.failures[error.kind] = self.failures.get(error.kind, 0) + 1
        self._check_loss(error)
        if is_power_of_two(self._failures):
            self._logger.warning(
                "registration.failed",
                provider=self.provider,
                state=str(self._state),
                kind=str(error.kind),
                error=str(error),
                attempts=self._failures,
            )
        delay = self._backoff.next(error.retry_after)
        if error.retry_after is None and self._ttl is not None:
            delay = min(delay, self._ttl / 3)
        return delay if error.retryable else max(delay, OPERATOR_RETRY_INTERVAL)

    def _check_loss(self, error: RegistrationError) -> None:
        """Decide whether the record belongs to a newer run, or is lost and must be registered again."""
        if error.kind is FailureKind.SUPERSEDED:
            self._enter(RegistrationState.SUPERSEDED)
        if self._state is not RegistrationState.REGISTERED:
            return
        if error.kind is FailureKind.NOT_FOUND or self._expired:
            reason = "lost" if error.kind is FailureKind.NOT_FOUND else "expired"
            self.repairs[reason] = self.repairs.get(reason, 0) + 1
            if reason == "lost":
                self._backoff.reset()  # the registry answers again: its outage is over
            self._enter(RegistrationState.LOST)
            self._logger.warning("registration.lost", provider=self.provider, kind=reason)

    def _record_success(self) -> None:
        if self._failures:
            after = round(self._clock.monotonic() - self._failing_since, 1)
            self._logger.info("registration.recovered", provider=self.provider, duration_seconds=after)
        self._failures = 0
        self._backoff.reset()
        self.last_error = None

    async def _call(
        self, function: Callable[[], Awaitable[_T]], *, timeout: float | None = CALL_TIMEOUT
    ) -> _T:
        """Run a guarded call of the registrar.

        Raises:
            RegistrationError: It failed, in whatever way.
        """
        try:
            return await self.plugin_call.call(function, timeout=timeout)
        except PluginCallError as error:
            raise RegistrationError.of(error) from None

    def _enter(self, state: RegistrationState) -> None:
        if state is self._state:
            return
        if state is RegistrationState.REGISTERED:
            self._logger.info("registration.succeeded", provider=self.provider, ttl_seconds=self._ttl)
        self._state, self._since = state, self._clock.monotonic()
