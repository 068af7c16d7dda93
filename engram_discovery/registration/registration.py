"""One registration: this node's record in one registry, from start to shutdown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.errors import RegistrationError
from engram_discovery.registration.registrar_calls import RegistrarCalls
from engram_discovery.registration.state import RecordState, RegistrationState
from engram_discovery.registration.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from engram_discovery.protocols import Registrar
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.runtime.plugin_call import PluginCall
    from engram_discovery.types import NodeRecord

__all__ = ["Registration", "RegistrationState"]


class Registration:
    """Keeps one record in one registry. All reads are callable from any thread and do not block.

    Args:
        provider: Name of the provider, for logs and metrics.
        registrar: Client of the registry; owned from now on.
        node: The record.
        clock: Times renewals and retries.
        random: Spreads them.
        logger: Receives ``registration.*``.
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
        self._clock = clock
        self._logger = logger
        self._calls = RegistrarCalls(provider, clock, logger)
        self._state = RecordState(clock)
        self._upkeep = Upkeep(
            provider, registrar, self._calls, node, self._state, clock=clock, random=random, logger=logger
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def plugin_call(self) -> PluginCall:
        """The guarded call of the registrar."""
        return self._calls.plugin_call

    @property
    def state(self) -> RegistrationState:
        """The state of the record; lost as soon as its lease has expired, even while a call is under way."""
        return self._state.current

    @property
    def age(self) -> float:
        """Seconds since the state was entered."""
        return self._state.age

    @property
    def lease_left(self) -> float | None:
        """Seconds until the registry drops the record unless it is renewed; None without a lease."""
        return self._state.lease_left

    @property
    def last_error(self) -> RegistrationError | None:
        """The error of the last attempt; None after a success."""
        return self._state.last_error

    @property
    def renewals(self) -> int:
        """Number of renewals of the lease."""
        return self._state.renewals

    @property
    def repairs(self) -> Mapping[str, int]:
        """Number of losses by reason: ``lost`` or ``expired``."""
        return self._state.repairs

    @property
    def failures(self) -> Mapping[str, int]:
        """Number of failed attempts by kind of error."""
        return self._state.failures

    def start(self) -> None:
        """Start the upkeep. Call once, on the event loop; does not wait for the registry."""
        self._task = asyncio.create_task(self._upkeep.run(), name=f"engram-registration-{self.provider}")

    async def aclose(self, *, drain_delay: float = 0.0) -> None:
        """Stop the upkeep, wait ``drain_delay`` seconds, deregister. Never raises; bounded by two guarded calls."""
        self._state.enter(RegistrationState.DRAINING)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._clock.sleep(drain_delay)
            await self._calls.call(self._registrar.deregister)
            self._logger.info("registration.removed", provider=self.provider)
        except RegistrationError as error:
            self._logger.warning(
                "registration.deregister_failed",
                provider=self.provider,
                error=str(error),
                expires_in_seconds=self._state.ttl,
            )
        finally:
            await self._release()

    async def _release(self) -> None:
        try:
            await self._calls.call(self._registrar.aclose)
        except RegistrationError as error:
            self._logger.warning("registration.close_failed", provider=self.provider, error=str(error))
