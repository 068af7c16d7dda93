"""From names to addresses: A and AAAA together, many names at once, the last answer of each name kept."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dns.rdatatype import RdataType

from engram_discovery.errors import DiscoveryError
from engram_discovery_dns.settings import Family

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import dns.name
    from dns.rrset import RRset

    from engram_discovery_dns.client import DnsClient, Reply

__all__ = ["Addresses", "TargetLookup"]

_AT_ONCE = 16

_ASKED = {
    Family.ANY: (RdataType.A, RdataType.AAAA),
    Family.V4: (RdataType.A,),
    Family.V6: (RdataType.AAAA,),
    Family.PREFER_V4: (RdataType.A, RdataType.AAAA),
    Family.PREFER_V6: (RdataType.AAAA, RdataType.A),
}
_PREFERRING = frozenset({Family.PREFER_V4, Family.PREFER_V6})


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one name.

    Attributes:
        texts: IP addresses; none if the name has none.
        ttl: The smallest TTL of them, in seconds.
        failure: Why some or all may be missing, or old.
        fresh: Whether some of them are of this look-up.
        server: Who answered, as ``address:port``.
        no: Why there is none, in the words of DNS.
    """

    texts: tuple[str, ...]
    ttl: float
    failure: DiscoveryError | None = None
    fresh: bool = True
    server: str = ""
    no: str = ""


class TargetLookup:
    """Looks up the addresses of names.

    Args:
        client: How DNS is asked.
        family: Which addresses are wanted.
    """

    def __init__(self, client: DnsClient, family: Family) -> None:
        self._client = client
        self._family = family
        self._last: dict[dns.name.Name, Addresses] = {}

    async def look_up(self, name: str | dns.name.Name, *, within: float) -> Addresses:
        """Ask for the addresses of one name; never raises ``DiscoveryError``, see ``Addresses.failure``."""
        kinds = _ASKED[self._family]
        answers = await asyncio.gather(*(self._ask(name, kind, within) for kind in kinds))
        replies = [answer for answer in answers if not isinstance(answer, DiscoveryError)]
        failures = [answer for answer in answers if isinstance(answer, DiscoveryError)]
        by_kind = [_texts(reply.records) for reply in replies if reply.records is not None]
        return Addresses(
            texts=self._chosen(by_kind),
            ttl=min((reply.ttl for reply in replies), default=0.0),
            failure=failures[0] if failures else None,
            server=next((reply.server for reply in replies), ""),
            no=next((reply.no for reply in replies if reply.no), ""),
        )

    async def look_up_all(
        self, names: Collection[dns.name.Name], additional: Iterable[RRset], *, within: float
    ) -> Mapping[dns.name.Name, Addresses]:
        """Find the addresses of all names: those in ``additional`` as they stand, the others by asking.

        A name that cannot be looked up keeps its last addresses, and says so in ``failure``.
        """
        found = self._from_additional(additional)
        missing = [name for name in names if name not in found]
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(name: dns.name.Name) -> Addresses:
            async with limit:
                return await self.look_up(name, within=deadline - now())

        now = asyncio.get_running_loop().time
        deadline = now() + within
        found.update(zip(missing, await asyncio.gather(*map(one, missing)), strict=True))
        self._last = {name: self._remembered(name, found[name]) for name in names}
        return self._last

    def _from_additional(self, additional: Iterable[RRset]) -> dict[dns.name.Name, Addresses]:
        kinds = _ASKED[self._family]
        sets: dict[dns.name.Name, dict[RdataType, RRset]] = defaultdict(dict)
        for rrset in additional:
            if rrset.rdtype in kinds:
                sets[rrset.name][rrset.rdtype] = rrset
        return {
            name: Addresses(
                self._chosen([_texts(by_kind[kind]) for kind in kinds if kind in by_kind]),
                float(min(rrset.ttl for rrset in by_kind.values())),
            )
            for name, by_kind in sets.items()
        }

    def _remembered(self, name: dns.name.Name, addresses: Addresses) -> Addresses:
        last = self._last.get(name)
        if addresses.failure is None or last is None:
            return addresses
        texts = tuple(dict.fromkeys((*addresses.texts, *last.texts)))
        return Addresses(texts, addresses.ttl, addresses.failure, fresh=bool(addresses.texts))

    def _chosen(self, by_kind: list[tuple[str, ...]]) -> tuple[str, ...]:
        """Of the addresses by kind, the preferred kind first, return those to use."""
        wanted = by_kind[:1] if self._family in _PREFERRING else by_kind
        return tuple(text for texts in wanted for text in texts)

    async def _ask(self, name: str | dns.name.Name, kind: RdataType, within: float) -> Reply | DiscoveryError:
        try:
            return await self._client.ask(name, kind, within=within)
        except DiscoveryError as error:
            return error


def _texts(rrset: RRset) -> tuple[str, ...]:
    return tuple(record.address for record in rrset)
