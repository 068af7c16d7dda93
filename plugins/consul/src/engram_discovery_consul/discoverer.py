"""Discover peers by Consul: the instances of a service, watched by blocking queries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engram_discovery.provider import DiscoveryError, Empty, FailureKind, Found, WarnOnChange
from engram_discovery_consul.blocking import RateLimiter, next_index
from engram_discovery_consul.failures import ConsulError, translated
from engram_discovery_consul.instances import newest_of_each_node
from engram_discovery_consul.recovery_window import RecoveryWindow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from engram_discovery.provider import PluginContext
    from engram_discovery_consul.client import Answer, ConsulClient
    from engram_discovery_consul.instances import Instance
    from engram_discovery_consul.settings import ConsulSettings

__all__ = ["ConsulDiscoverer"]

_CONFIRM_INTERVAL = 1.0


class ConsulDiscoverer:
    """Reads the service with all its checks and filters here (ADR 51).

    The agent filters by health only after its query has been answered, so reading all instances costs no more
    wake-ups, and it distinguishes an own record that is critical from one that is gone.

    Args:
        settings: The table ``[cluster.consul]``.
        context: Identity, logger, clock.
        client: The client of the agent; closed with this object.
    """

    def __init__(self, settings: ConsulSettings, context: PluginContext, client: ConsulClient) -> None:
        self._settings = settings
        self._identity = context.identity
        self._clock = context.clock
        self._client = client
        self._own_record_seen = False
        self._seen_passing = False
        self._found_once = False
        self._recovery = RecoveryWindow(context.clock)
        self._warnings = WarnOnChange(context.logger, service=settings.service_name)

    async def discover(self) -> Found | Empty:
        """Query once.

        Raises:
            DiscoveryError: Consul did not answer, filtered its answer to nothing, or lost our own record.
        """
        return self._evaluated(await self._read())

    async def watch(self) -> AsyncIterator[Found | Empty]:
        """Yield the answer at once and after every change, at most one a second after the first two.

        A list without our own record is read once more before it is a failure: the record may be about to be
        replaced, or removed because the node stops.

        Raises:
            DiscoveryError: As ``discover`` does.
        """
        limiter = RateLimiter(self._clock)
        index, yielded, missing = 0, None, False
        while True:
            await limiter.wait()
            reply = await self._read(index)
            if self._lacks_own_record(reply) and not missing:
                missing, index = True, 0
                await self._clock.sleep(_CONFIRM_INTERVAL)
                continue
            answer, missing = self._evaluated(reply), False
            index = next_index(index, reply.index)
            if answer == yielded:
                continue
            if isinstance(answer, Empty) and isinstance(yielded, Found):
                index = 0  # one empty answer proves nothing: query again at once and yield it twice
                yielded = None
            else:
                yielded = answer
            yield answer

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._client.aclose()

    async def _read(self, index: int = 0) -> Answer:
        """Read the service; after a failure or an index that fell, Consul may have lost records."""
        try:
            await self._client.refresh_token()
            reply = await self._client.instances(index, wait=self._recovery.left or None)
        except ConsulError:
            self._recovery.begin()
            with translated(DiscoveryError):
                raise
        if reply.index < index:
            self._recovery.begin()
        return reply

    def _evaluated(self, reply: Answer) -> Found | Empty:
        with translated(DiscoveryError):
            answer = self._evaluate(reply)
        if not (self._recovery.left and self._found_once):
            self._found_once |= isinstance(answer, Found)
            return answer
        if isinstance(answer, Found):
            return replace(answer, complete=False)
        raise DiscoveryError(
            f"{answer.reason}, shortly after an outage of Consul; keeping the last known peers",
            kind=FailureKind.UNAVAILABLE,
        )

    def _evaluate(self, reply: Answer) -> Found | Empty:
        if self._lacks_own_record(reply):
            raise self._missing(reply)
        instances = self._ours(reply)
        chosen = self._choose(instances)
        if chosen:
            endpoints = tuple(dict.fromkeys(instance.endpoint for instance in chosen))
            return Found(endpoints, complete=not reply.filtered, detail=f"service {self._name}")
        if reply.filtered:
            raise self._client.filtered()
        if reply.bad:
            raise ConsulError(f"none of {reply.bad} records has a usable address", FailureKind.BAD_DATA)
        state = f"none of {len(instances)} passing" if instances else "no instance is registered"
        return Empty(f"service {self._name}: {state}")

    def _ours(self, reply: Answer) -> list[Instance]:
        """Drop records of other clusters and of earlier runs."""
        cluster = self._identity.cluster if self._identity else None
        accepted = {"", cluster}
        same = [one for one in reply.instances if cluster is None or one.cluster in accepted]
        others = len(reply.instances) - len(same)
        self._warnings.check("consul.other_clusters", others, count=others, cluster=cluster)
        self._warnings.check("consul.bad_records", reply.bad, count=reply.bad)
        return newest_of_each_node(same)

    def _lacks_own_record(self, reply: Answer) -> bool:
        """Return whether a list once held the record of this run and no longer does.

        A wiped agent and a token that lost its permission both answer 200 with an empty list.
        """
        seen = any(map(self._is_this_run, reply.instances))
        self._own_record_seen |= seen
        return self._own_record_seen and not seen

    def _missing(self, reply: Answer) -> ConsulError:
        self._recovery.begin()
        if reply.filtered:
            return ConsulError(
                f"own registration not visible: {self._client.filtered()}", FailureKind.FORBIDDEN
            )
        return ConsulError(
            f"own registration missing among {len(reply.instances)} of service {self._name}; "
            "keeping the last known peers",
            FailureKind.BAD_DATA,
        )

    def _choose(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        """Select the passing ones; at a cold start, when no check can have passed yet, all of them."""
        if not self._settings.only_passing:
            return instances
        passing = [one for one in instances if one.passing]
        self._seen_passing |= any(not self._is_us(one) for one in passing)
        return passing if self._seen_passing else instances

    def _is_us(self, instance: Instance) -> bool:
        return self._identity is not None and instance.node_id == self._identity.node_id

    def _is_this_run(self, instance: Instance) -> bool:
        return (
            self._identity is not None
            and self._is_us(instance)
            and instance.generation == self._identity.generation
        )

    @property
    def _name(self) -> str:
        return f'"{self._settings.service_name}"'
