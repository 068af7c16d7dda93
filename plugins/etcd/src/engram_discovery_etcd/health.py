"""Does etcd serve, and how long does our record live without us?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import CheckResult, CheckStatus
from engram_discovery_etcd.failures import EtcdError
from engram_discovery_etcd.messages import LeaseTimeToLiveRequest, RangeRequest
from engram_discovery_etcd.records import folder, key_of

if TYPE_CHECKING:
    from engram_discovery.provider import PluginContext
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.messages import KeyValue
    from engram_discovery_etcd.settings import EtcdSettings

__all__ = ["EtcdHealthCheck"]

_SLOW = 1.0


class EtcdHealthCheck:
    """Reads our key, which needs a quorum, and the lease under it. Keeps no connection between two checks.

    Args:
        settings: The table ``[cluster.etcd]``.
        context: Clock, and who we are.
        client: Talks to etcd; owned from now on.
    """

    def __init__(self, settings: EtcdSettings, context: PluginContext, client: EtcdClient) -> None:
        self._client = client
        self._clock = context.clock
        self._answered_at: float | None = None
        identity = context.identity
        self._was_registered = False
        node_id = identity.node_id if identity is not None else ""
        self._key = key_of(settings.prefix, context.cluster, node_id)
        self._where = folder(settings.prefix, context.cluster).decode()

    @property
    def name(self) -> str:
        """``etcd``."""
        return "etcd"

    async def check(self) -> CheckResult:
        """Ask once. Critical if no quorum answers, a warning if it took more than a second or our record is gone."""
        started = self._clock.monotonic()
        try:
            pair, lease = await self._look()
        except EtcdError as error:
            age = None if self._answered_at is None else self._clock.monotonic() - self._answered_at
            return CheckResult(CheckStatus.CRITICAL, str(error), {"last_answer_age_seconds": age})
        finally:
            await self._client.aclose()
        self._answered_at = self._clock.monotonic()
        seconds = self._answered_at - started
        details = {"seconds": seconds, "registered": pair is not None, "lease_seconds": lease}
        if pair is None and self._was_registered:
            return CheckResult(CheckStatus.WARNING, f"our record is gone from {self._where}", details)
        self._was_registered = pair is not None
        status = CheckStatus.PASSING if seconds <= _SLOW else CheckStatus.WARNING
        left = "" if lease is None else f", our lease lives {lease} s more"
        return CheckResult(status, f"a quorum answered in {seconds * 1000:.0f} ms{left}", details)

    async def _look(self) -> tuple[KeyValue | None, int | None]:
        """Return our key, if it is there, and the seconds that its lease has left, if it has one."""
        answer = await self._client.unary(lambda stubs: stubs.range, RangeRequest(key=self._key))
        pair = answer.kvs[0] if answer.kvs else None
        if pair is None or not pair.lease:
            return pair, None
        request = LeaseTimeToLiveRequest(ID=pair.lease)
        time_to_live = await self._client.unary(lambda stubs: stubs.lease_time_to_live, request)
        return pair, time_to_live.TTL
