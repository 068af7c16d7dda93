"""The health check: Consul answers, has a leader, and our record is present and passing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from engram_discovery.provider import CheckResult, CheckStatus, FailureKind
from engram_discovery_consul.failures import ConsulError
from engram_discovery_consul.record import service_id

if TYPE_CHECKING:
    from engram_discovery.provider import PluginContext
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.settings import ConsulSettings

__all__ = ["ConsulHealthCheck"]

_SLOW = 1.0


class ConsulHealthCheck:
    """Reads our record from the catalogue, which requires an agent and a leader.

    Args:
        settings: The table ``[cluster.consul]``.
        context: Identity and clock.
        client: The client of the agent.
    """

    def __init__(self, settings: ConsulSettings, context: PluginContext, client: ConsulClient) -> None:
        self._clock = context.clock
        self._client = client
        self._service_id = service_id(settings, context.identity) if context.identity else ""

    @property
    def name(self) -> str:
        """``consul``."""
        return "consul"

    async def check(self) -> CheckResult:
        """Check once: critical without an answer, a warning if our record is missing, failing, or the answer slow."""
        started = self._clock.monotonic()
        try:
            await self._client.refresh_token()
            record = await self._client.instance(self._service_id)
        except ConsulError as error:
            return CheckResult(CheckStatus.CRITICAL, await self._explained(error), {"kind": error.kind.value})
        finally:
            await self._client.aclose()  # a health check is never closed, and the next check is seconds away
        seconds = self._clock.monotonic() - started
        details = {"seconds": round(seconds, 3), "registered": record is not None}
        if record is None:
            return CheckResult(CheckStatus.WARNING, "our record is not in the catalogue", details)
        if not record.passing:
            return CheckResult(CheckStatus.WARNING, f"our record: {', '.join(record.failing)}", details)
        if seconds > _SLOW:
            return CheckResult(CheckStatus.WARNING, f"slow: {seconds:.1f} s", details)
        return CheckResult(CheckStatus.PASSING, f"registered and passing, {seconds * 1000:.0f} ms", details)

    async def _explained(self, error: ConsulError) -> str:
        """Add the cause of a timeout: servers without a quorum answer later than the deadline."""
        if error.kind is FailureKind.TIMEOUT:
            with suppress(ConsulError):
                if not await self._client.has_leader():
                    return f"No cluster leader: Consul's servers have no quorum ({error})"
        return str(error)
