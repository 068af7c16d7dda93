"""Keeps our record at the local agent. Never writes to the catalogue: the agent's anti-entropy would undo it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.provider import FailureKind, Lease, RegistrationError
from engram_discovery_consul.blocking import RateLimiter
from engram_discovery_consul.failures import ConsulError, translated
from engram_discovery_consul.record import check_id, definition, service_id

if TYPE_CHECKING:
    from engram_discovery.provider import NodeRecord, PluginContext
    from engram_discovery_consul.client import ConsulClient
    from engram_discovery_consul.settings import ConsulSettings

__all__ = ["ConsulRegistrar"]

_DENIED = frozenset({FailureKind.FORBIDDEN, FailureKind.UNAUTHORIZED})
_NOT_PERMITTED = frozenset({FailureKind.FORBIDDEN, FailureKind.BAD_DATA})


class ConsulRegistrar:
    """Registers, renews, reads back and removes one record.

    Args:
        settings: The table ``[cluster.consul]``.
        context: The clock.
        client: The client of the agent; closed with this object.
    """

    def __init__(self, settings: ConsulSettings, context: PluginContext, client: ConsulClient) -> None:
        self._settings = settings
        self._clock = context.clock
        self._client = client
        self._node: NodeRecord | None = None
        self._token: str | None = None

    async def register(self, node: NodeRecord) -> Lease:
        """Create or replace our record, and remove those that earlier runs of ours left at this agent.

        Raises:
            RegistrationError: The agent refused or did not answer, or has the record of a newer run.
        """
        with translated(RegistrationError):
            await self._client.refresh_token()
            await self._check_other_runs(node)
            await self._write(node)
        return self._lease

    async def renew(self) -> Lease:
        """Report the TTL check as passing.

        Raises:
            RegistrationError: With kind ``not_found`` if the agent lost our record.
        """
        node = self._registered()
        with translated(RegistrationError):
            await self._client.report_passing(check_id(self._settings, node.identity))
        return self._lease

    async def verify(self) -> bool:
        """Read our record from the catalogue; after a rotation of the token, register with the new one first.

        A record that is critical or in maintenance counts as present: an operator may have set it so.

        Raises:
            RegistrationError: The catalogue cannot be read.
        """
        node = self._registered()
        with translated(RegistrationError):
            await self._client.refresh_token()
            if self._client.token != self._token:
                await self._write(node)
            found = await self._client.instance(service_id(self._settings, node.identity))
        return (
            found is not None
            and found.generation == node.identity.generation
            and found.endpoint.address == node.addr
        )

    async def wait_for_change(self) -> None:
        """Block until the agent's record of this node has changed or gone, or the agent does not answer.

        Never returns where the token may not read the record: the host's regular verification remains.
        """
        id_ = service_id(self._settings, self._registered().identity)
        limiter = RateLimiter(self._clock)
        try:
            known = digest = (await self._client.local_record(id_)).digest
            while digest == known:
                await limiter.wait()
                digest = (await self._client.local_record(id_, known)).digest
        except ConsulError as error:
            if error.kind in _NOT_PERMITTED:
                await asyncio.Event().wait()

    async def deregister(self) -> None:
        """Remove our record, unless a newer run of ours has replaced it.

        Raises:
            RegistrationError: The record may still be there.
        """
        if self._node is None:
            return
        with translated(RegistrationError):
            await self._client.refresh_token()
            if not await self._is_superseded(self._node):
                await self._remove(service_id(self._settings, self._node.identity))

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._client.aclose()

    @property
    def _lease(self) -> Lease:
        return Lease(self._settings.ttl if self._settings.check == "ttl" else None)

    def _registered(self) -> NodeRecord:
        if self._node is None:
            raise RegistrationError("not registered yet", kind=FailureKind.NOT_FOUND)
        return self._node

    async def _check_other_runs(self, node: NodeRecord) -> None:
        """Refuse to displace a newer run of this node; remove what older ones left behind."""
        own = service_id(self._settings, node.identity)
        for id_, record in (await self._client.local_records(node.identity.node_id)).items():
            if record.generation > node.identity.generation:
                raise ConsulError(
                    f"a newer run of node {node.identity.node_id} is registered", FailureKind.SUPERSEDED
                )
            if id_ != own and record.generation < node.identity.generation:
                await self._client.deregister(id_)

    async def _write(self, node: NodeRecord) -> None:
        self._node = node  # before the answer, which may be lost: what may be there must be removed
        await self._client.register(definition(self._settings, node))
        self._token = self._client.token

    async def _is_superseded(self, node: NodeRecord) -> bool:
        try:
            record = await self._client.local_record(service_id(self._settings, node.identity))
        except ConsulError:
            return False
        return record.generation > node.identity.generation

    async def _remove(self, id_: str) -> None:
        """Remove a record with the token in use; if that may not, with the one that made it."""
        try:
            await self._client.deregister(id_)
        except ConsulError as error:
            if error.kind not in _DENIED or self._token in {None, self._client.token}:
                raise
            await self._client.deregister(id_, self._token)
