"""Our record in etcd: a key that lives as long as its lease, and a lease that lives as long as we renew it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engram_discovery.provider import FailureKind, Lease, RegistrationError
from engram_discovery_etcd import messages as m
from engram_discovery_etcd.failures import EtcdError, reported_as
from engram_discovery_etcd.records import encode, generation_of, key_of
from engram_discovery_etcd.watch import WatchStream

if TYPE_CHECKING:
    from engram_discovery.provider import NodeRecord
    from engram_discovery_etcd.client import EtcdClient, Try
    from engram_discovery_etcd.settings import EtcdSettings

__all__ = ["EtcdRegistrar"]

_WRITE_TRIES = 3


class EtcdRegistrar:
    """Keeps one key under one lease; the host decides when. See ``engram_discovery.protocols.WatchingRegistrar``.

    Args:
        settings: The table ``[cluster.etcd]``.
        client: Talks to etcd; owned from now on.
    """

    def __init__(self, settings: EtcdSettings, client: EtcdClient) -> None:
        self._prefix = settings.prefix
        self._ttl = math.ceil(settings.ttl)
        self._client = client
        self._lease = 0
        self._key = b""
        self._value = b""
        self._generation = 0
        self._seen = 0
        self._read_at = 0

    async def register(self, node: NodeRecord) -> Lease:
        """Write our key under a lease of ours that lives, or a new one.

        Raises:
            RegistrationError: etcd did not answer or refused; with kind ``superseded`` if a newer run of our node id
                holds the key.
        """
        identity = node.identity
        self._key = key_of(self._prefix, identity.cluster, identity.node_id)
        self._value, self._generation = encode(node), identity.generation
        with reported_as(RegistrationError):
            lease = await self._living_lease()
            await self._write()
        return lease

    async def renew(self) -> Lease:
        """Keep the lease alive.

        Raises:
            RegistrationError: With kind ``not_found`` if it expired or was revoked.
        """
        with reported_as(RegistrationError):
            ttl = await self._keep_alive()
        if ttl <= 0:
            lease, self._lease = self._lease, 0
            text = f"lease {lease:x} is gone: it expired or was revoked"
            raise RegistrationError(text, kind=FailureKind.NOT_FOUND)
        return Lease(ttl)

    async def verify(self) -> bool:
        """Return whether our key is as written, under our lease.

        Raises:
            RegistrationError: etcd could not be read; with kind ``superseded`` if a newer run of our node id holds it.
        """
        with reported_as(RegistrationError):
            answer = await self._client.range(m.RangeRequest(key=self._key))
            self._read_at = answer.header.revision
            return self._is_ours(self._look_at(answer))

    async def wait_for_change(self) -> None:
        """Block until our key has changed since ``verify`` read it, or its watch has ended.

        Asks for no signs of life meanwhile: the renewals get them.

        Raises:
            RegistrationError: etcd does not let us watch.
        """
        with reported_as(RegistrationError):
            stream = await self._client.attempt(
                lambda one: WatchStream.open_key(one, self._key, self._read_at + 1)
            )
        try:
            await stream.events()
        except (
            EtcdError
        ) as error:  # changes of the key are unknown from here on: the host verifies, and calls again
            if error.elsewhere:
                await self._client.give_up(stream.connection)
        finally:
            await stream.aclose()

    async def deregister(self) -> None:
        """Revoke the lease, and the key with it, unless the key is another's by now.

        Raises:
            RegistrationError: The key may still be there, until its lease expires.
        """
        if not self._lease:
            return
        with reported_as(RegistrationError):
            try:
                await self._client.unary(
                    lambda stubs: stubs.lease_revoke, m.LeaseRevokeRequest(ID=self._lease)
                )
            except EtcdError as error:
                if error.kind is not FailureKind.NOT_FOUND:
                    raise
        self._lease = 0

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _living_lease(self) -> Lease:
        if self._lease:
            ttl = await self._keep_alive()
            if ttl > 0:
                return Lease(ttl)
        granted = await self._client.unary(
            lambda stubs: stubs.lease_grant, m.LeaseGrantRequest(TTL=self._ttl)
        )
        self._lease = granted.ID
        return Lease(float(granted.TTL))

    async def _keep_alive(self) -> float:
        """Renew the lease once, and return its TTL; zero if it is gone."""

        async def once(one: Try) -> float:
            call = one.connection.stubs.lease_keep_alive(timeout=one.timeout, metadata=one.metadata)
            try:
                await call.write(m.LeaseKeepAliveRequest(ID=self._lease))
                await call.done_writing()
                answer = await call.read()
                await call.code()
                return float(getattr(answer, "TTL", 0))
            finally:
                call.cancel()

        return await self._client.attempt(once)

    async def _write(self) -> None:
        """Put our key, unless a newer run holds it; one round trip if it is as we saw it last."""
        for _ in range(_WRITE_TRIES):
            answer = await self._client.unary(lambda stubs: stubs.txn, self._put_or_look())
            if answer.succeeded:
                self._seen = answer.header.revision
                return
            pair = self._look_at(answer.responses[0].response_range)
            if self._is_ours(pair):
                return
        raise EtcdError("our key changes faster than we can write it", FailureKind.UNAVAILABLE)

    def _put_or_look(self) -> m.TxnRequest:
        """Return a transaction: put our key if it is as we saw it last, else read it."""
        as_seen = m.Compare(
            result=m.COMPARE_EQUAL, target=m.COMPARE_MOD, key=self._key, mod_revision=self._seen
        )
        put = m.PutRequest(key=self._key, value=self._value, lease=self._lease)
        look = m.RangeRequest(key=self._key)
        return m.TxnRequest(
            compare=[as_seen],
            success=[m.RequestOp(request_put=put)],
            failure=[m.RequestOp(request_range=look)],
        )

    def _look_at(self, answer: m.RangeResponse) -> m.KeyValue | None:
        """Return our key as an answer has it, or None.

        Raises:
            EtcdError: With kind ``superseded`` if a newer run of our node id wrote it.
        """
        pair = answer.kvs[0] if answer.kvs else None
        generation = None if pair is None else generation_of(pair.value)
        if generation is not None and generation > self._generation:
            text = (
                f"generation {generation} of this node holds {self._key.decode()}, we are {self._generation}"
            )
            raise EtcdError(text, FailureKind.SUPERSEDED, retryable=False)
        self._seen = 0 if pair is None else pair.mod_revision  # only what may be written over
        return pair

    def _is_ours(self, pair: m.KeyValue | None) -> bool:
        return pair is not None and pair.value == self._value and pair.lease == self._lease
