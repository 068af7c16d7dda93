"""The nodes of a cluster as etcd shows them: a full listing, kept up by the events of a watch. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engram_discovery.provider import DiscoveryError, Empty, Endpoint, FailureKind, Found
from engram_discovery_etcd.messages import EVENT_DELETE
from engram_discovery_etcd.records import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.provider import Logger
    from engram_discovery_etcd.listing import Listing
    from engram_discovery_etcd.messages import Event, KeyValue

__all__ = ["View"]


class _Record(NamedTuple):
    value: bytes
    endpoint: Endpoint


class View:
    """Holds one endpoint a key.

    Args:
        start: What the keys begin with.
        source: Name of the provider.
        logger: Logs values that cannot be decoded, each once.

    Attributes:
        revision: Up to where the view has seen everything.
    """

    def __init__(self, start: bytes, *, source: str, logger: Logger) -> None:
        self._start = start
        self._source = source
        self._logger = logger
        self._records: dict[bytes, _Record] = {}
        self._unreadable: dict[bytes, int] = {}
        self._listed: tuple[KeyValue, ...] = ()
        self._endpoints: tuple[Endpoint, ...] | None = None
        self.revision = 0

    def __contains__(self, key: object) -> bool:
        return key in self._records

    def replace(self, listing: Listing) -> None:
        """Apply a full listing. Unchanged values are not decoded again."""
        self.revision = listing.revision
        if self._listed and listing.pairs == self._listed:
            return
        self._listed, self._endpoints = listing.pairs, None
        before, self._records = self._records, {}
        warned, self._unreadable = self._unreadable, {}
        for pair in listing.pairs:
            key, value = pair.key, pair.value
            known = before.get(key)
            if known is not None and known.value == value:
                self._records[key] = known
            else:
                self._put(key, value, pair.mod_revision, warned.get(key))

    def apply(self, events: Iterable[Event]) -> bool:
        """Apply the events of a watch; return whether they changed anything.

        Events that a listing already contained are ignored.
        """
        before, seen = dict(self._records), self.revision
        for event in events:
            key, revision = event.kv.key, event.kv.mod_revision
            if revision <= seen:
                continue
            self.revision = max(self.revision, revision)
            if event.type == EVENT_DELETE:
                self._records.pop(key, None)
                self._unreadable.pop(key, None)
            else:
                self._put(key, event.kv.value, revision, self._unreadable.get(key))
        changed = before != self._records
        if changed:
            self._listed, self._endpoints = (), None
        return changed

    def answer(self) -> Found | Empty:
        """Return what is there, in the order of the keys.

        Raises:
            DiscoveryError: There are keys, but none can be decoded: that is not an empty answer.
        """
        where = self._start.decode()
        if self._unreadable and not self._records:
            text = f"not one of {len(self._unreadable)} keys under {where} is a record of a node"
            raise DiscoveryError(text, kind=FailureKind.BAD_DATA)
        if not self._records:
            return Empty(f"no key of a node under {where}")
        if self._endpoints is None:
            self._endpoints = tuple(self._records[key].endpoint for key in sorted(self._records))
        return Found(self._endpoints, detail=f"keys under {where} at revision {self.revision}")

    def _put(self, key: bytes, value: bytes, revision: int, warned: int | None) -> None:
        try:
            self._records[key] = _Record(value, decode(key, value, source=self._source))
            self._unreadable.pop(key, None)
        except ValueError as error:
            self._records.pop(key, None)
            self._unreadable[key] = revision
            if warned != revision:
                shown = key.decode("utf-8", "backslashreplace")
                self._logger.warning("etcd.record_skipped", key=shown, error=str(error))
