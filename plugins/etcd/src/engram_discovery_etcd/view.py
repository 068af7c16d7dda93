"""The nodes of a cluster as etcd shows them: a full listing, kept up by the events of a watch. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.types import Empty, Endpoint, Found
from engram_discovery_etcd.records import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.log import Logger
    from engram_discovery_etcd.listing import Listing

__all__ = ["View"]

_DELETE = 1


class View:
    """Holds one endpoint a key.

    Args:
        start: What the keys begin with.
        source: Name of the provider.
        logger: Told of values that cannot be read, each once.
    """

    def __init__(self, start: bytes, *, source: str, logger: Logger) -> None:
        self._start = start
        self._source = source
        self._logger = logger
        self._endpoints: dict[bytes, Endpoint] = {}
        self._unreadable: set[bytes] = set()
        self._warned: dict[bytes, int] = {}
        self.revision = 0

    def __contains__(self, key: object) -> bool:
        return key in self._endpoints

    def replace(self, listing: Listing) -> None:
        """Take in a full listing."""
        self._endpoints, self._unreadable = {}, set()
        for pair in listing.pairs:
            self._put(pair)
        self._warned = {key: at for key, at in self._warned.items() if key not in self._endpoints}
        self.revision = listing.revision

    def apply(self, events: Iterable[Any]) -> bool:
        """Take in the events of a watch, and tell whether they changed anything.

        Events that the last listing has seen already do not count.
        """
        before = dict(self._endpoints)
        for event in events:
            if event.kv.mod_revision <= self.revision:
                continue
            if event.type == _DELETE:
                self._endpoints.pop(event.kv.key, None)
                self._unreadable.discard(event.kv.key)
            else:
                self._put(event.kv)
        return before != self._endpoints

    def answer(self) -> Found | Empty:
        """Return what is there, in the order of the keys.

        Raises:
            DiscoveryError: There are keys, and not one of them can be read: that is not nobody.
        """
        where = self._start.decode()
        if self._unreadable and not self._endpoints:
            text = f"not one of {len(self._unreadable)} keys under {where} is a record of a node"
            raise DiscoveryError(text, kind=FailureKind.BAD_DATA)
        if not self._endpoints:
            return Empty(f"no key of a node under {where}")
        endpoints = tuple(self._endpoints[key] for key in sorted(self._endpoints))
        return Found(endpoints, detail=f"keys under {where} at revision {self.revision}")

    def _put(self, pair: Any) -> None:
        try:
            self._endpoints[pair.key] = decode(pair.key, pair.value, source=self._source)
            self._unreadable.discard(pair.key)
        except ValueError as error:
            self._endpoints.pop(pair.key, None)
            self._unreadable.add(pair.key)
            if self._warned.get(pair.key) != pair.mod_revision:
                self._warned[pair.key] = pair.mod_revision
                key = pair.key.decode("utf-8", "backslashreplace")
                self._logger.warning("etcd.record_skipped", key=key, problem=str(error))
