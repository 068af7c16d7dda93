"""Resolve names to addresses: A and AAAA together, many names at once, the last answer of each name kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.provider import DiscoveryError
from engram_discovery_dns.settings import Family
from engram_discovery_dns.wire import Kind, Query

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engram_discovery_dns.client import LookupSession, Reply
    from engram_discovery_dns.wire import Answer

__all__ = ["Addresses", "TargetLookup"]

MAX_CONCURRENT_NAMES = 16

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
        failure: Why some or all may be missing or stale.
        fresh: Whether at least one of them comes from this lookup.
        server: The server that answered, as ``address:port``.
        negative: ``NXDOMAIN`` or ``NODATA`` where there is none.
    """

    texts: tuple[str, ...]
    ttl: int | None = None
    failure: DiscoveryError | None = None
    fresh: bool = True
    server: str = ""
    negative: str = ""


class TargetLookup:
    """Resolves names and keeps the last addresses of each.

    Args:
        family: Which addresses are used.
    """

    def __init__(self, family: Family) -> None:
        self._kinds = _ASKED[family]
        self._prefers = family in _PREFERRING
        self._last: dict[bytes, Addresses] = {}

    async def resolve(self, session: LookupSession, name: str | bytes) -> Addresses:
        """Resolve one name; never raises ``DiscoveryError``, see ``Addresses.failure``."""
        if isinstance(name, str):
            await session.prefetch([Query(session.variants(name)[0], kind) for kind in self._kinds])
        answers = [await _ask(session, name, kind) for kind in self._kinds]
        replies = [answer for answer in answers if not isinstance(answer, DiscoveryError)]
        failures = [answer for answer in answers if isinstance(answer, DiscoveryError)]
        ttls = [reply.answer.ttl for reply in replies if reply.answer.ttl is not None]
        return Addresses(
            texts=self._chosen([tuple(map(str, reply.answer.records)) for reply in replies]),
            ttl=min(ttls, default=None),
            failure=failures[0] if failures else None,
            server=replies[0].server if replies else "",
            negative=next((reply.negative for reply in replies if reply.negative), ""),
        )

    async def resolve_all(
        self, session: LookupSession, names: Collection[bytes], answer: Answer
    ) -> Mapping[bytes, Addresses]:
        """Resolve all names: from the additional section of ``answer``, else by queries.

        A name that cannot be resolved keeps its last addresses; ``failure`` holds the reason.
        """
        found = {name: self._additional(answer, name) for name in names}
        missing = [name for name in names if not found[name].texts]
        answered = await session.prefetch([Query(name, kind) for name in missing for kind in self._kinds])
        queue = iter(missing)

        async def work() -> None:
            for name in queue:
                found[name] = await self.resolve(session, name)

        if answered:
            await work()  # all answers are here already: tasks would only cost time
        else:
            await asyncio.gather(*(work() for _ in range(min(MAX_CONCURRENT_NAMES, len(missing)))))
        self._last = {name: self._with_last(name, found[name]) for name in names}
        return self._last

    def _additional(self, answer: Answer, name: bytes) -> Addresses:
        """Return the addresses of a name from the additional section."""
        by_kind = answer.additional.get(name, {})
        wanted = [by_kind[kind] for kind in self._kinds if kind in by_kind]
        texts = self._chosen([tuple(text for text, _ in addresses) for addresses in wanted])
        return Addresses(texts, min((ttl for addresses in wanted for _, ttl in addresses), default=None))

    def _with_last(self, name: bytes, addresses: Addresses) -> Addresses:
        last = self._last.get(name)
        if addresses.failure is None or last is None:
            return addresses
        texts = tuple(dict.fromkeys((*addresses.texts, *last.texts)))
        return Addresses(texts, addresses.ttl, addresses.failure, fresh=bool(addresses.texts))

    def _chosen(self, by_kind: list[tuple[str, ...]]) -> tuple[str, ...]:
        """Return the addresses to use, given those of each record type, preferred type first."""
        filled = [texts for texts in by_kind if texts]
        return tuple(text for texts in (filled[:1] if self._prefers else filled) for text in texts)


async def _ask(session: LookupSession, name: str | bytes, kind: Kind) -> Reply | DiscoveryError:
    try:
        return await session.ask(name, kind)
    except DiscoveryError as error:
        return error
