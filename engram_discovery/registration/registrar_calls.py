"""Guarded calls of a plugin's registrar: whatever happens in one, the caller gets a ``RegistrationError``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from engram_discovery.defaults import CALL_TIMEOUT
from engram_discovery.errors import RegistrationError
from engram_discovery.runtime.plugin_call import PluginCall, PluginCallError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["RegistrarCalls"]

_T = TypeVar("_T")


class RegistrarCalls:
    """Runs the coroutines of one registrar with a timeout (ADR 31).

    Args:
        provider: Name of the provider, for messages.
        clock: Detects blocking calls.
        logger: Receives ``plugin.*``.

    Attributes:
        plugin_call: The guarded call.
    """

    def __init__(self, provider: str, clock: Clock, logger: Logger) -> None:
        self.plugin_call = PluginCall(provider, clock, logger)

    async def call(
        self, function: Callable[[], Awaitable[_T]], *, timeout: float | None = CALL_TIMEOUT
    ) -> _T:
        """Run one coroutine of the registrar.

        Raises:
            RegistrationError: The call failed, or did not end in time.
        """
        try:
            return await self.plugin_call.call(function, timeout=timeout)
        except PluginCallError as error:
            raise RegistrationError.of(error) from None
