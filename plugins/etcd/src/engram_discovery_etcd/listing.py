"""All keys of a cluster at one moment, read in pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery_etcd.failures import EtcdError
from engram_discovery_etcd.messages import RangeRequest
from engram_discovery_etcd.records import folder_end

if TYPE_CHECKING:
    from engram_discovery_etcd.client import EtcdClient
    from engram_discovery_etcd.messages import KeyValue

__all__ = ["Listing", "read_all"]

_PAGE = 1000
_SMALLER = 8


@dataclass(frozen=True, slots=True)
class Listing:
    """What was there at one revision.

    Attributes:
        revision: The moment.
        pairs: Keys with values, in the order of the keys.
    """

    revision: int
    pairs: tuple[KeyValue, ...]


async def read_all(client: EtcdClient, start: bytes) -> Listing:
    """Read every key that begins with ``start``. The first page is linearizable, the others are of its revision.

    Raises:
        EtcdError: etcd did not answer, or not all of it.
    """
    pairs: list[KeyValue] = []
    revision, key, page = 0, start, _PAGE
    while True:
        request = RangeRequest(key=key, range_end=folder_end(start), limit=page, revision=revision)
        try:
            answer = await client.range(request)
        except EtcdError as error:
            if page == 1 or not error.too_large:
                raise
            page = max(1, page // _SMALLER)  # another program keeps large values there
            continue
        revision = revision or answer.header.revision
        pairs.extend(answer.kvs)
        if not answer.more:
            return Listing(revision, tuple(pairs))
        key = pairs[-1].key + b"\0"
