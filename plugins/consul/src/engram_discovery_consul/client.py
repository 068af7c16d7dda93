"""The requests to Consul. Every call has a deadline; every failure is a ``ConsulError``.

py-consul's API classes build and decode the requests. Its ``Consul`` object is never created: it would read
``CONSUL_HTTP_TOKEN`` and other variables, which then override the settings (ADR 50).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from consul import ConsulException  # type: ignore[import-untyped]  # py-consul ships no types
from consul.api.agent import Agent  # type: ignore[import-untyped]
from consul.api.health import Health  # type: ignore[import-untyped]
from consul.api.status import Status  # type: ignore[import-untyped]
from consul.callback import CB  # type: ignore[import-untyped]

from engram_discovery.provider import FailureKind
from engram_discovery_consul.blocking import deadline, parse_index
from engram_discovery_consul.connection import Connection, Reading
from engram_discovery_consul.credentials import Credentials
from engram_discovery_consul.failures import ConsulError, unreachable
from engram_discovery_consul.instances import Instance, InstanceReader
from engram_discovery_consul.pinning import PinnedAgent
from engram_discovery_consul.tls import Tls
from engram_discovery_consul.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from engram_discovery.provider import PluginContext
    from engram_discovery_consul.settings import ConsulSettings
    from engram_discovery_consul.transport import Reply

__all__ = ["Answer", "ConsulClient", "LocalRecord"]

#: Share of the host's deadline for one call, so that the error names the cause instead of a timeout of the host.
_DEADLINE_SHARE = 0.9
#: Share of the host's deadline for one more request after that.
_LEADER_CHECK_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Answer:
    """The instances of the service in the catalogue.

    Attributes:
        instances: Those with a usable address, sorted by id.
        bad: Number of records without one.
        filtered: Whether the token's permissions hide some records, or may hide all.
        index: Where a query that waits for the next change starts.
    """

    instances: tuple[Instance, ...]
    bad: int
    filtered: bool
    index: int


@dataclass(frozen=True, slots=True)
class LocalRecord:
    """A record at the agent in use.

    Attributes:
        meta: The record's meta.
        digest: Changes when the record does.
    """

    meta: Mapping[str, str]
    digest: str

    @property
    def generation(self) -> int:
        """The run of the node that registered it."""
        text = self.meta.get("generation", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


class ConsulClient:
    """The client of one agent.

    Args:
        settings: The table ``[cluster.consul]``.
        context: Logger, name and deadline.
    """

    def __init__(self, settings: ConsulSettings, context: PluginContext) -> None:
        self._settings = settings
        self._source = context.provider
        self._timeout = context.timeout * _DEADLINE_SHARE
        self._leader_timeout = context.timeout * _LEADER_CHECK_SHARE
        self._credentials = Credentials(settings.token, context.logger)
        self._agent_address = PinnedAgent(self._timeout)
        self._transport = Transport(
            f"{settings.scheme}://{settings.addr}",
            headers=_headers(settings, context.user_agent),
            agent=self._agent_address,
            tls=Tls(settings) if settings.scheme == "https" else None,
            server_name=settings.server_name,
        )
        self._local = Connection(self._transport, self._credentials)
        self._agent = Agent(self._local)
        self._health = self._health_of(settings.datacenter, settings.tagged_address)
        self._own_health = self._health_of(None, None)

    @property
    def token(self) -> str | None:
        """The ACL token in use."""
        return self._credentials.token

    def filtered(self) -> ConsulError:
        """Return the error for a list that ACLs have filtered."""
        name = self._settings.service_name
        cause = (
            "the agent denies by default and cluster.consul.token is not set"
            if self.token is None
            else "the token lacks read permission for some records"
        )
        return ConsulError(
            f'{cause}; a policy needs: service "{name}" {{ policy = "read" }} '
            'and node_prefix "" { policy = "read" }',
            FailureKind.FORBIDDEN,
        )

    async def refresh_token(self) -> None:
        """Read the token's file again, if it has one."""
        await self._credentials.refresh()

    async def instances(self, index: int = 0, wait: float | None = None) -> Answer:
        """Read the service, passing or not; with an index, when it changes or after a wait.

        Args:
            index: Index of the last answer, or 0.
            wait: Seconds to wait at most, if fewer than ``cluster.consul.wait``.

        Raises:
            ConsulError: There is no answer, or it is malformed.
        """
        wait = min(wait or self._settings.wait, self._settings.wait)
        call = self._health.service(
            self._settings.service_name,
            tag=self._settings.tag,
            index=index or None,
            wait=f"{wait:.3f}s",
        )
        return self._answer(await self._within(deadline(wait) if index else self._timeout, call))

    async def instance(self, service_id: str) -> Instance | None:
        """Read one record from the catalogue of the agent's datacenter.

        Raises:
            ConsulError: There is no answer, it is malformed, or the token may not read the record.
        """
        call = self._own_health.service(
            self._settings.service_name, filter_expr=f'Service.ID == "{service_id}"'
        )
        answer = self._answer(await self._within(self._timeout, call))
        if answer.filtered:
            raise self.filtered()
        return next((one for one in answer.instances if one.service_id == service_id), None)

    async def has_leader(self) -> bool:
        """Return whether the servers have a leader; waits a few percent of the deadline.

        Raises:
            ConsulError: There is no answer, or it is malformed.
        """
        return bool((await self._within(self._leader_timeout, Status(self._local).leader())).value)

    async def local_record(self, service_id: str, digest: str = "") -> LocalRecord:
        """Read a record from the agent itself; with a digest, when it no longer has that or after ``wait``.

        Raises:
            ConsulError: With kind ``not_found`` if the agent has no such record.
        """
        wait = self._settings.wait
        params = [("hash", digest), ("wait", f"{wait:g}s")] if digest else None
        headers = self._local.prepare_headers()
        call = self._transport.get(CB.json(), f"/v1/agent/service/{service_id}", params, headers)
        reply = await self._within(deadline(wait) if digest else self._timeout, call)
        meta = reply.value.get("Meta") if isinstance(reply.value, dict) else None
        return LocalRecord(dict(meta or {}), reply.headers.get("X-Consul-ContentHash", ""))

    async def local_records(self, node_id: str) -> dict[str, LocalRecord]:
        """Read all records of a node at the agent, by their ids.

        Raises:
            ConsulError: There is no answer, or it is malformed.
        """
        expression = f'Service == "{self._settings.service_name}" and Meta.node_id == "{node_id}"'
        reply = await self._within(self._timeout, self._agent.services(filter_expr=expression))
        if not isinstance(reply.value, dict):
            raise ConsulError("expected a table of services", FailureKind.BAD_DATA)
        return {id_: LocalRecord(dict(one.get("Meta") or {}), "") for id_, one in reply.value.items()}

    async def register(self, definition: Mapping[str, Any]) -> None:
        """Create or replace a record at the agent; see ``record.definition``.

        Raises:
            ConsulError: The agent refused or did not answer.
        """
        await self._within(self._timeout, self._agent.service.register(**definition))

    async def report_passing(self, check_id: str) -> None:
        """Renew a TTL check.

        Raises:
            ConsulError: With kind ``not_found`` if the agent has no such check.
        """
        await self._within(self._timeout, self._agent.check.ttl_pass(check_id))

    async def deregister(self, service_id: str, token: str | None = None) -> None:
        """Remove a record from the agent; succeeds if there is none.

        Args:
            service_id: Which.
            token: Another token than the one in use.

        Raises:
            ConsulError: The record may still be there.
        """
        try:
            await self._within(self._timeout, self._agent.service.deregister(service_id, token=token))
        except ConsulError as error:
            if error.kind is not FailureKind.NOT_FOUND:
                raise

    async def aclose(self) -> None:
        """Close all sockets. A later call opens new ones."""
        await self._transport.aclose()

    def _health_of(self, datacenter: str | None, tagged_address: str | None) -> Health:
        reader = InstanceReader(source=self._source, tagged_address=tagged_address)
        reading = Reading(self._transport, reader)
        return Health(Connection(reading, self._credentials, datacenter))

    def _answer(self, reply: Reply) -> Answer:
        index, (instances, bad) = reply.value
        nothing = not instances and not bad
        return Answer(tuple(instances), bad, self._is_filtered(reply, nothing=nothing), parse_index(index))

    def _is_filtered(self, reply: Reply, *, nothing: bool) -> bool:
        """Return whether ACLs filtered a list. Without a token, Consul sends no header that states it."""
        if self.token is None and nothing:
            return reply.headers.get("X-Consul-Default-ACL-Policy") == "deny"
        return reply.headers.get("X-Consul-Results-Filtered-By-ACLs") == "true"

    async def _within(self, seconds: float, call: Awaitable[Reply]) -> Reply:
        """Await a call; cancelled at its deadline, it closes its socket."""
        where = f"{self._settings.scheme}://{self._settings.addr}"
        try:
            async with asyncio.timeout(seconds):
                return await call
        except TimeoutError:
            self._agent_address.failed()
            raise ConsulError(f"{where}: no answer within {seconds:g} s", FailureKind.TIMEOUT) from None
        except (aiohttp.ClientError, OSError) as error:
            self._agent_address.failed()
            failure = unreachable(error)
        except (ConsulException, ValueError, RecursionError):
            failure = ConsulError("the answer does not come from Consul", FailureKind.BAD_DATA)
        except ConsulError as error:
            failure = error
        raise ConsulError(f"{where}: {failure}", failure.kind, failure.retry_after) from None


def _headers(settings: ConsulSettings, user_agent: str) -> dict[str, str]:
    headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
    if settings.namespace:
        headers["X-Consul-Namespace"] = settings.namespace
    if settings.partition:
        headers["X-Consul-Partition"] = settings.partition
    return headers
