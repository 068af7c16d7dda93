"""Registration as a desired state: made, renewed, read back, repaired for ever, and removed at shutdown.

A registry is the last to be trusted: a write that it accepted proves nothing (an agent without a quorum accepts too),
so a node counts as registered only when a read shows it. Nothing in here ever stops the node.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

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
_CALL_TIMEOUT = 5.0
_LONGEST_RETRY = 8.0  # so that we are back within ten seconds of the registry, however long it was away
_VERIFY_EVERY = 30.0
_RETRY_HOPELESS = 15.0
_CALM = 1.0


class RegistrationState(StrEnum):
    """Where our record stands."""

    PENDING = "pending"
    UNVERIFIED = "unverified"
    """Accepted by the registry, but no read has shown it yet."""
    REGISTERED = "registered"
    LOST = "lost"
    SUPERSEDED = "superseded"
    """A newer run of our node id holds the record; it is theirs now."""
    DRAINING = "draining"


#: States in which the record must be made (again).
_UNMADE = frozenset({RegistrationState.PENDING, RegistrationState.UNVERIFIED, RegistrationState.LOST})


class Registration:
    """Keeps one record in one registry.

    Besides the times at which something is due, it acts when a registrar says that its record was wait_for_change.

    Args:
        provider: Name of the provider, for logs and metrics.
        registrar: Talks to the registry.
        node: The record.
        clock: Times renewals and retries.
        random: Spreads them.
        logger: Told of every change of state.

    Attributes:
        plugin_call: What the registrar is called through.
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
        self._backoff = Backoff(random, cap=_LONGEST_RETRY)
        self.plugin_call = PluginCall(provider, clock, logger)
        self._state = RegistrationState.PENDING
        self._since = clock.monotonic()
        self._ttl: float | None = None
        self._alive_at = clock.monotonic()
        self._failures = 0
        self._failing_since = 0.0
        self._task: asyncio.Task[None] | None = None
        self.last_error: RegistrationError | None = None
        self.renewals = 0
        self.repairs: dict[str, int] = {}
        self.failures: dict[str, int] = {}

    @property
    def state(self) -> RegistrationState:
        """Where our record stands; lost as soon as its lease has run out, whatever call is still under way."""
        if self._state is RegistrationState.REGISTERED and self._expired:
            return RegistrationState.LOST
        return self._state

    @property
    def age(self) -> float:
        """Seconds for which the state has been what it is."""
        return self._clock.monotonic() - self._since

    @property
    def lease_left(self) -> float | None:
        """Seconds until the registry drops the record unless it is renewed; None if it has no lease."""
        if self._ttl is None:
            return None
        return max(0.0, self._alive_at + self._ttl - self._clock.monotonic())

    @property
    def _expired(self) -> bool:
        return self.lease_left == 0

    def start(self) -> None:
        """Start the upkeep. Call once, on the event loop; never waits for the registry."""
        self._task = asyncio.create_task(self._keep(), name=f"engram-registration-{self.provider}")

    async def aclose(self, *, drain: float = 0.0) -> None:
        """Stop the upkeep, wait ``drain`` seconds, remove the record. Never raises; bounded by one call's deadline."""
        self._enter(RegistrationState.DRAINING)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._clock.sleep(drain)
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

    async def _keep(self) -> None:
        while self._state is not RegistrationState.SUPERSEDED:
            try:
                await self._rest(await self._step())
                continue
            except RegistrationError as error:
                due = self._failed(error)
            except Exception as error:  # noqa: BLE001  a third party's registrar may raise anything: named, retried
                due = self._failed(
                    RegistrationError(f"{type(error).__name__}: {error}", kind=FailureKind.PLUGIN_BUG)
                )
            await self._clock.sleep(due)

    async def _step(self) -> float:
        """Do what is due, and return the seconds until something is due again."""
        if self._state in _UNMADE:
            self._granted(await self._call(partial(self._registrar.register, self._node)))
            self._enter(RegistrationState.UNVERIFIED)
        elif self._ttl is not None:
            self._granted(await self._call(self._registrar.renew, timeout=self._patience))
            self.renewals += 1
        if not await self._call(self._registrar.verify, timeout=self._patience):
            raise self._unseen()
        self._enter(RegistrationState.REGISTERED)
        self._recovered()
        due = _VERIFY_EVERY * self._random.uniform(0.8, 1.2)
        return due if self._ttl is None else min(due, self._ttl / 3)

    @property
    def _patience(self) -> float:
        """Seconds for one call: with a lease, a third of it, so that no slow read makes us miss a renewal."""
        return _CALL_TIMEOUT if self._ttl is None else min(_CALL_TIMEOUT, self._ttl / 3)

    async def _rest(self, due: float) -> None:
        """Wait until something is due, or the registrar says that the record was wait_for_change."""
        if not isinstance(self._registrar, WatchingRegistrar):
            await self._clock.sleep(due)
            return
        calm = asyncio.ensure_future(self._clock.sleep(due))
        wait_for_change = asyncio.ensure_future(self._disturbed(self._registrar))
        try:
            await asyncio.wait({calm, wait_for_change}, return_when=asyncio.FIRST_COMPLETED)
            if wait_for_change.done() and (error := wait_for_change.exception()) is not None:
                self._logger.debug("registration.watch_unavailable", provider=self.provider, error=str(error))
                await calm  # the regular reading must do
        finally:
            calm.cancel()
            wait_for_change.cancel()
            await asyncio.gather(calm, wait_for_change, return_exceptions=True)

    async def _disturbed(self, registrar: WatchingRegistrar) -> None:
        await self._clock.sleep(_CALM)  # however nervous the registrar, one look a second
        await self._call(registrar.wait_for_change, timeout=None)

    def _granted(self, lease: Lease) -> None:
        self._ttl = lease.ttl
        self._alive_at = self._clock.monotonic()

    def _unseen(self) -> RegistrationError:
        if self._state is RegistrationState.REGISTERED:
            return RegistrationError("our record is gone from the registry", kind=FailureKind.NOT_FOUND)
        return RegistrationError("accepted, but a read does not show it", kind=FailureKind.UNAVAILABLE)

    def _failed(self, error: RegistrationError) -> float:
        """Take in a failure, and return the seconds until the next try."""
        self.last_error = error
        if not self._failures:
            self._failing_since = self._clock.monotonic()
        self._failures += 1
        self.failures[error.kind] = self.failures.get(error.kind, 0) + 1
        self._judge_loss(error)
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
        return delay if error.retryable else max(delay, _RETRY_HOPELESS)

    def _judge_loss(self, error: RegistrationError) -> None:
        """Decide whether the record is another's now, or lost and must be made anew."""
        if error.kind is FailureKind.SUPERSEDED:
            self._enter(RegistrationState.SUPERSEDED)
        if self._state is not RegistrationState.REGISTERED:
            return
        if error.kind is FailureKind.NOT_FOUND or self._expired:
            reason = "lost" if error.kind is FailureKind.NOT_FOUND else "expired"
            self.repairs[reason] = self.repairs.get(reason, 0) + 1
            if reason == "lost":
                self._backoff.reset()  # the registry answered: what it was away for is over
            self._enter(RegistrationState.LOST)
            self._logger.warning("registration.lost", provider=self.provider, kind=reason)

    def _recovered(self) -> None:
        if self._failures:
            after = round(self._clock.monotonic() - self._failing_since, 1)
            self._logger.info("registration.recovered", provider=self.provider, duration_seconds=after)
        self._failures = 0
        self._backoff.reset()
        self.last_error = None

    async def _call(
        self, function: Callable[[], Awaitable[_T]], *, timeout: float | None = _CALL_TIMEOUT
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
