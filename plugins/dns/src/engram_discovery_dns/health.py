"""Does DNS answer, and how fast?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import CheckResult, CheckStatus, DiscoveryError
from engram_discovery_dns.question import QueryMode, question_for
from engram_discovery_dns.wire import Kind

if TYPE_CHECKING:
    from engram_discovery.provider import PluginContext
    from engram_discovery_dns.client import DnsClient
    from engram_discovery_dns.settings import DnsSettings

__all__ = ["DnsHealthCheck"]

_SLOW = 1.0


class DnsHealthCheck:
    """Asks for the service's records: any authoritative answer passes, also that there is none.

    Args:
        settings: The table ``[cluster.dns]``.
        context: Clock and the host's deadline.
        client: How DNS is asked.
    """

    def __init__(self, settings: DnsSettings, context: PluginContext, client: DnsClient) -> None:
        self._question = question_for(settings)
        self._client = client
        self._clock = context.clock
        self._timeout = settings.timeout or context.timeout
        self._answered_at: float | None = None

    @property
    def name(self) -> str:
        """``dns``."""
        return "dns"

    async def check(self) -> CheckResult:
        """Query once: critical without an answer, a warning if it took more than a second."""
        kind = Kind.A if self._question.mode is QueryMode.ADDRESS else Kind.SRV
        started = self._clock.monotonic()
        try:
            with self._client.session(self._timeout) as session:
                reply = await session.ask(self._question.name, kind)
        except DiscoveryError as error:
            age = None if self._answered_at is None else self._clock.monotonic() - self._answered_at
            return CheckResult(CheckStatus.CRITICAL, str(error), {"last_answer_age_seconds": age})
        self._answered_at = self._clock.monotonic()
        seconds = self._answered_at - started
        status = CheckStatus.PASSING if seconds <= _SLOW else CheckStatus.WARNING
        records = len(reply.answer.records)
        output = f"{records} records in {seconds * 1000:.0f} ms" + (
            f" ({reply.negative})" if reply.negative else ""
        )
        return CheckResult(status, output, {"seconds": seconds, "records": records, "server": reply.server})
