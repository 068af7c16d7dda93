"""Where our peers are, by etcd: a full listing, and a watch that goes on from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.provider import DiscoveryError, FailureKind
from engram_discovery_etcd.failures import EtcdError, reported_as
from engram_discovery_etcd.listing import read_all
from engram_discovery_etcd.records import folder, key_of
from engram_discovery_etcd.view import View
from engram_discovery_etcd.watch import WatchStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engram_discovery.provider import Empty, Found, PluginContext
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.listing import Listing
    from engram_discovery_etcd.settings import EtcdSettings

__all__ = ["EtcdDiscoverer"]

_READ_AGAIN = 2


class EtcdDiscoverer:
    """Lists and watches the keys of our cluster; the host refreshes, retries and remembers.

    Args:
        settings: The table ``[cluster.etcd]``.
        context: Logger, names of provider and cluster, and our identity.
        client: Talks to etcd; owned from now on.
    """

    def __init__(self, settings: EtcdSettings, context: PluginContext, client: EtcdClient) -> None:
        self._client = client
        self._folder = folder(settings.prefix, context.cluster)
        self._view = View(self._folder, source=context.provider, logger=context.logger)
        identity = context.identity
        self._own_key = identity and key_of(settings.prefix, context.cluster, identity.node_id)
        self._was_listed = False

    async def discover(self) -> Found | Empty:
        """Read all keys; see ``engram_discovery.protocols.Discoverer``.

        Raises:
            DiscoveryError: etcd did not answer, answered from the past, or no longer shows our own record, which it
                showed before: it lost its data, or took them from us.
        """
        with reported_as(DiscoveryError):
            self._view.replace(await self._read())
        if self._misses_us():
            text = f"our own record is gone from {self._folder.decode()}: not believed until it is registered again"
            raise DiscoveryError(text, kind=FailureKind.BAD_DATA)
        return self._view.answer()

    async def watch(self) -> AsyncIterator[Found | Empty]:
        """Yield all keys at once and after each change; see ``engram_discovery.protocols.WatchingDiscoverer``.

        Raises:
            DiscoveryError: The watch was compacted, cancelled or cut, or its member is silent or lost its leader.
        """
        yield await self.discover()
        with reported_as(DiscoveryError):
            stream = await self._client.attempt(
                lambda one: WatchStream.open(one, self._folder, self._view.revision)
            )
            try:
                while True:
                    if self._view.apply(await stream.events()) and not self._misses_us():
                        yield self._view.answer()
            except EtcdError as error:
                if error.elsewhere:
                    await self._client.give_up(stream.connection)
                raise
            finally:
                await stream.aclose()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _read(self) -> Listing:
        """Read all keys, and again if the watch has seen more meanwhile; after a reset of etcd it always has."""
        listing = await read_all(self._client, self._folder)
        for _ in range(_READ_AGAIN):
            if listing.revision >= self._view.revision:
                break
            listing = await read_all(self._client, self._folder)
        return listing

    def _misses_us(self) -> bool:
        """Whether our record, once listed, is gone: then what else is gone is in doubt as well."""
        listed = self._own_key in self._view
        self._was_listed = self._was_listed or listed
        return self._was_listed and not listed
