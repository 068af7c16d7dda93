"""The upkeep of a record: register, renew, verify, wait, and repair after a loss.

A registry's answer to a write proves nothing (an agent without a quorum accepts too), so a record counts as
registered only when a read shows it (ADR 52).
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from engram_discovery.defaults import (
    CALL_TIMEOUT,
    CHANGE_VERIFY_INTERVAL,
    MAX_REGISTRATION_BACKOFF,
    OPERATOR_RETRY_INTERVAL,
    VERIFY_INTERVAL,
)
from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.protocols import WatchingRegistrar
from engram_discovery.registration.state import RegistrationState
from engram_discovery.runtime.backoff import Backoff
from engram_discovery.runtime.deadline import wait_any
from engram_discovery.runtime.failure_log import is_power_of_two

if TYPE_CHECKING:
    from random import Random

    from engram_discovery.protocols import Registrar
    from engram_discovery.registration.registrar_calls import RegistrarCalls
    from engram_discovery.registration.state import RecordState
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.types import NodeRecord

__all__ = ["Upkeep"]


class Upkeep:
    """The loop that keeps one record in one registry.

    Args:
        provider: Name of the provider, for the log.
        registrar: The plugin's registrar.
        calls: Guards its calls.
        node: The record.
        state: The state that the loop maintains.
        clock: Times renewals and retries.
        random: Spreads them.
        logger: Receives ``registration.*``.
    """

    def __init__(
        self,
        provider: str,
        registrar: Registrar,
        calls: RegistrarCalls,
        node: NodeRecord,
        state: RecordState,
        *,
        clock: Clock,
        random: Random,
        logger: Logger,
    ) -> None:
        self._provider = provider
        self._registrar = registrar
        self._calls = calls
        self._node = node
        self._state = state
        self._clock = clock
        self._random = random
        self._logger = logger
        self._backoff = Backoff(random, cap=MAX_REGISTRATION_BACKOFF)

    async def run(self) -> None:
        """Run until cancelled, or until a newer run of this node's id holds the record."""
        while self._state.recorded is not RegistrationState.SUPERSEDED:
            try:
                await self._wait(await self._step())
                continue
            except RegistrationError as error:
                delay = self._failed(error)
            except Exception as error:  # noqa: BLE001  a registrar may return anything: reported, tried again
                delay = self._failed(
                    RegistrationError(f"{type(error).__name__}: {error}", kind=FailureKind.PLUGIN_BUG)
                )
            await self._clock.sleep(delay)

    async def _step(self) -> float:
        """Register or renew if due, then verify; return the seconds until the next step."""
        call, state = self._calls.call, self._state
        if state.must_register:
            state.grant(await call(partial(self._registrar.register, self._node)))
            state.enter(RegistrationState.UNVERIFIED)
        elif state.ttl is not None:
            state.grant(await call(self._registrar.renew, timeout=self._timeout))
            state.renewals += 1
        if not await call(self._registrar.verify, timeout=self._timeout):
            raise self._not_shown()
        self._succeeded()
        due = VERIFY_INTERVAL * self._random.uniform(0.8, 1.2)
        return due if state.ttl is None else min(due, state.ttl / 3)

    @property
    def _timeout(self) -> float:
        """Seconds for one call: at most a third of the lease, so that a slow read cannot delay a renewal (ADR 52)."""
        ttl = self._state.ttl
        return CALL_TIMEOUT if ttl is None else min(CALL_TIMEOUT, ttl / 3)

    async def _wait(self, due: float) -> None:
        """Wait until a step is due, or a watching registrar reports a change of the record."""
        if not isinstance(self._registrar, WatchingRegistrar):
            await self._clock.sleep(due)
            return
        deadline = self._clock.monotonic() + due
        change = asyncio.ensure_future(self._wait_for_change(self._registrar))
        try:
            await wait_any([change], timeout=due, clock=self._clock)
            if change.done() and (error := change.exception()) is not None:
                self._logger.debug(
                    "registration.watch_unavailable", provider=self._provider, error=str(error)
                )
                await self._clock.sleep(max(0.0, deadline - self._clock.monotonic()))
        finally:
            change.cancel()
            await asyncio.gather(change, return_exceptions=True)

    async def _wait_for_change(self, registrar: WatchingRegistrar) -> None:
        await self._clock.sleep(CHANGE_VERIFY_INTERVAL)
        await self._calls.call(registrar.wait_for_change, timeout=None)

    def _succeeded(self) -> None:
        if self._state.enter(RegistrationState.REGISTERED):
            self._logger.info("registration.succeeded", provider=self._provider, ttl_seconds=self._state.ttl)
        failed_for = self._state.record_success()
        if failed_for is not None:
            duration = round(failed_for, 1)
            self._logger.info("registration.recovered", provider=self._provider, duration_seconds=duration)
        self._backoff.reset()

    def _not_shown(self) -> RegistrationError:
        if self._state.recorded is RegistrationState.REGISTERED:
            return RegistrationError("the record is missing from the registry", kind=FailureKind.NOT_FOUND)
        return RegistrationError(
            "the registry accepted the record, but a read does not show it", kind=FailureKind.UNAVAILABLE
        )

    def _failed(self, error: RegistrationError) -> float:
        """Record a failure; return the seconds until the next attempt."""
        self._state.record_failure(error)
        self._handle_loss(error)
        if is_power_of_two(self._state.attempts):
            self._logger.warning(
                "registration.failed",
                provider=self._provider,
                state=str(self._state.recorded),
                kind=str(error.kind),
                error=str(error),
                attempts=self._state.attempts,
            )
        delay = self._backoff.next(error.retry_after)
        if error.retry_after is None and self._state.ttl is not None:
            delay = min(delay, self._state.ttl / 3)
        return delay if error.retryable else max(delay, OPERATOR_RETRY_INTERVAL)

    def _handle_loss(self, error: RegistrationError) -> None:
        reason = self._state.record_loss(error)
        if reason is None:
            return
        if reason == "lost":
            self._backoff.reset()  # the registry answered, so its outage is over (ADR 52)
        self._logger.warning("registration.lost", provider=self._provider, kind=reason)
