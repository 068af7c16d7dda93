"""Where our peers are, by Consul: the instances of a service, told at every change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.types import Empty, Found
from engram_discovery_consul.blocking import RateLimiter, next_index
from engram_discovery_consul.doubt import RecoveryWindow
from engram_discovery_consul.failures import ConsulError, translated
from engram_discovery_consul.instances import newest_of_each_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from engram_discovery.hookspecs import PluginContext
    from engram_discovery_consul.client import Answer, ConsulClient
    from engram_discovery_consul.instances import Instance
    from engram_discovery_consul.settings import ConsulSettings

__all__ = ["ConsulDiscoverer"]

_SECOND_LOOK = 1.0


class ConsulDiscoverer:
    """Reads the service with all its checks, and chooses here whom to tell of.

    The agent filters by health only after its query has been answered, so asking for everybody costs no more
    wake-ups; and it is what lets us tell a record of ours that is critical from one that is gone.

    Args:
        settings: The table ``[cluster.consul]``.
        context: Identity, logger, clock.
        client: How Consul is asked; closed with this.
    """

    def __init__(self, settings: ConsulSettings, context: PluginContext, client: ConsulClient) -> None:
        self._settings = settings
        self._identity = context.identity
        self._logger = context.logger
        self._clock = context.clock
        self._client = client
        self._seen_ourselves = False
        self._seen_passing = False
        self._found_once = False
        self._doubt = RecoveryWindow(context.clock)
        self._warned: dict[str, int] = {}

    async def discover(self) -> Found | Empty:
        """Ask once.

        Raises:
            DiscoveryError: Consul did not answer, filtered its answer to nothing, or lost our own record.
        """
        return self._judged(await self._read())

    async def watch(self) -> AsyncIterator[Found | Empty]:
        """Yield the answer at once and after every change, at most one a second after the first two.

        A list that lost us is looked at once more before it is a failure: our record may be being replaced, or
        removed because the node stops.

        Raises:
            DiscoveryError: As ``discover`` does.
        """
        pace = RateLimiter(self._clock)
        index, told, missing = 0, None, False
        while True:
            await pace.wait()
            reply = await self._read(index)
            if self._lacks_us(reply) and not missing:
                missing, index = True, 0
                await self._clock.sleep(_SECOND_LOOK)
                continue
            answer, missing = self._judged(reply), False
            index = next_index(index, reply.index)
            if answer == told:
                continue
            if isinstance(answer, Empty) and isinstance(told, Found):
                index = 0  # one empty answer proves nothing: ask again soon, and tell it twice
                told = None
            else:
                told = answer
            yield answer

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._client.aclose()

    async def _read(self, index: int = 0) -> Answer:
        """Read the service; a failure, or an index that fell, says that Consul may have lost records."""
        try:
            await self._client.refresh_token()
            reply = await self._client.instances(index, wait=self._doubt.left or None)
        except ConsulError:
            self._doubt.begin()
            with translated(DiscoveryError):
                raise
        if reply.index < index:
            self._doubt.begin()
        return reply

    def _judged(self, reply: Answer) -> Found | Empty:
        with translated(DiscoveryError):
            answer = self._judge(reply)
        if not (self._doubt.left and self._found_once):
            self._found_once |= isinstance(answer, Found)
            return answer
        if isinstance(answer, Found):
            return replace(answer, complete=False)
        raise DiscoveryError(
            f"{answer.reason}, shortly after Consul was away or lost records; keeping the peers",
            kind=FailureKind.UNAVAILABLE,
        )

    def _judge(self, reply: Answer) -> Found | Empty:
        if self._lacks_us(reply):
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
        state = f"none of {len(instances)} passing" if instances else "nobody registered"
        return Empty(f"service {self._name}: {state}")

    def _ours(self, reply: Answer) -> list[Instance]:
        """Drop records of other clusters and of earlier runs."""
        cluster = self._identity.cluster if self._identity else None
        accepted = {"", cluster}
        same = [one for one in reply.instances if cluster is None or one.cluster in accepted]
        self._warn("consul.other_clusters", len(reply.instances) - len(same), cluster=cluster)
        self._warn("consul.bad_records", reply.bad)
        return newest_of_each_node(same)

    def _lacks_us(self, reply: Answer) -> bool:
        """Tell whether a list once had this run of ours and no longer does.

        A wiped agent and a token that lost its permission both answer 200 with an empty list.
        """
        seen = any(map(self._is_this_run, reply.instances))
        self._seen_ourselves |= seen
        return self._seen_ourselves and not seen

    def _missing(self, reply: Answer) -> ConsulError:
        self._doubt.begin()
        if reply.filtered:
            return ConsulError(
                f"own registration not visible: {self._client.filtered()}", FailureKind.FORBIDDEN
            )
        return ConsulError(
            f"own registration missing among {len(reply.instances)} of service {self._name}; keeping the peers",
            FailureKind.BAD_DATA,
        )

    def _choose(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        """Prefer the passing ones; at a cold start, when nobody can pass yet, take all."""
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

    def _warn(self, event: str, count: int, **facts: object) -> None:
        """Log a count when it is not what it was at the last answer."""
        if count and self._warned.get(event) != count:
            self._logger.warning(event, service=self._settings.service_name, count=count, **facts)
        self._warned[event] = count
