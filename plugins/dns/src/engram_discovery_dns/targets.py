"""From names to addresses: A and AAAA together, many names at once, the last answer of each name kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.errors import DiscoveryError
from engram_discovery_dns.settings import Family
from engram_discovery_dns.wire import Kind, Query

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engram_discovery_dns.client import Reply, Round
    from engram_discovery_dns.wire import Answer

__all__ = ["Addresses", "TargetLookup"]

_AT_ONCE = 16

_ASKED = {
    Family.ANY: (Kind.A, Kind.AAAA),
    Family.V4: (Kind.A,),
    Family.V6: (Kind.AAAA,),
    Family.PREFER_V4: (Kind.A, Kind.AAAA),
    Family.PREFER_V6: (Kind.AAAA, Kind.A),
}
_PREFERRING = frozenset({Family.PREFER_V4, Family.PREFER_V6})


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one name.

    Attributes:
        texts: IP addresses; none if the name has none.
        ttl: The smallest TTL of them, in seconds, if known.
        failure: Why some or all may be missing, or old.
        fresh: Whether some of them are of this look-up.
        server: Who answered, as ``address:port``.
        no: Why there is none, in the words of DNS.
    """

    texts: tuple[str, ...]
    ttl: int | None = None
    failure: DiscoveryError | None = None
    fresh: bool = True
    server: str = ""
    no: str = ""


class TargetLookup:
    """Looks up the addresses of names, and remembers the last ones of each.

    Args:
        family: Which addresses are wanted.
    """

    def __init__(self, family: Family) -> None:
        self._kinds = _ASKED[family]
        self._prefers = family in _PREFERRING
        self._last: dict[bytes, Addresses] = {}

    async def look_up(self, asking: Round, name: str | bytes) -> Addresses:
        """Ask for the addresses of one name; never raises ``DiscoveryError``, see ``Addresses.failure``."""
        if isinstance(name, str):
            await asking.prefetch([Query(asking.variants(name)[0], kind) for kind in self._kinds])
        answers = [await _ask(asking, name, kind) for kind in self._kinds]
        replies = [answer for answer in answers if not isinstance(answer, DiscoveryError)]
        failures = [answer for answer in answers if isinstance(answer, DiscoveryError)]
        ttls = [reply.answer.ttl for reply in replies if reply.answer.ttl is not None]
        return Addresses(
            texts=self._chosen([tuple(map(str, reply.answer.records)) for reply in replies]),
            ttl=min(ttls, default=None),
            failure=failures[0] if failures else None,
            server=replies[0].server if replies else "",
            no=next((reply.no for reply in replies if reply.no), ""),
        )

    async def look_up_all(
        self, asking: Round, names: Collection[bytes], answer: Answer
    ) -> Mapping[bytes, Addresses]:
        """Find the addresses of all names: in ``answer`` if it has some, else by asking.

        A name that cannot be looked up keeps its last addresses, and says so in ``failure``.
        """
        found = {name: self._given(answer, name) for name in names}
        missing = [name for name in names if not found[name].texts]
        answered = await asking.prefetch([Query(name, kind) for name in missing for kind in self._kinds])
        queue = iter(missing)

        async def work() -> None:
            for name in queue:
                found[name] = await self.look_up(asking, name)

        if answered:
            await work()  # there is nothing to wait for, so that tasks would only cost
        else:
            await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(missing)))))
        self._last = {name: self._remembered(name, found[name]) for name in names}
        return self._last

    def _given(self, answer: Answer, name: bytes) -> Addresses:
        """Return the addresses of a name that came unasked with an answer."""
        by_kind = answer.additional.get(name, {})
        wanted = [by_kind[kind] for kind in self._kinds if kind in by_kind]
        texts = self._chosen([tuple(text for text, _ in addresses) for addresses in wanted])
        return Addresses(texts, min((ttl for addresses in wanted for _, ttl in addresses), default=None))

    def _remembered(self, name: bytes, addresses: Addresses) -> Addresses:
        last = self._last.get(name)
        if addresses.failure is None or last is None:
            return addresses
        texts = tuple(dict.fromkeys((*addresses.texts, *last.texts)))
        return Addresses(texts, addresses.ttl, addresses.failure, fresh=bool(addresses.texts))

    def _chosen(self, by_kind: list[tuple[str, ...]]) -> tuple[str, ...]:
        """Of the addresses by kind, the preferred kind first, return those to use."""
        filled = [texts for texts in by_kind if texts]
        return tuple(text for texts in (filled[:1] if self._prefers else filled) for text in texts)


async def _ask(asking: Round, name: str | bytes, kind: Kind) -> Reply | DiscoveryError:
    try:
        return await asking.ask(name, kind)
    except DiscoveryError as error:
        return error
