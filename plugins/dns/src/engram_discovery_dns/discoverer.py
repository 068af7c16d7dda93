"""Discover peers by DNS: SRV records and the addresses of their targets, or address records."""

from __future__ import annotations

from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from engram_discovery.provider import (
    DiscoveryError,
    Empty,
    Endpoint,
    FailureKind,
    Found,
    WarnOnChange,
    canonical_host,
)
from engram_discovery_dns.kubernetes import readiness_hint
from engram_discovery_dns.question import QueryMode, question_for
from engram_discovery_dns.records import select
from engram_discovery_dns.targets import Addresses, TargetLookup
from engram_discovery_dns.wire import Kind, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network

    from engram_discovery.provider import PluginContext
    from engram_discovery_dns.client import DnsClient, LookupSession, Reply
    from engram_discovery_dns.records import Selection
    from engram_discovery_dns.settings import DnsSettings
    from engram_discovery_dns.wire import SrvRecord

__all__ = ["DnsDiscoverer"]

MIN_TTL = 1.0
#: Share of the host's deadline for one lookup, so that a partial answer is returned before the host gives up.
_DEADLINE_SHARE = 0.9


class DnsDiscoverer:
    """Queries DNS once per call; the host refreshes, retries and keeps complete answers.

    Args:
        settings: The table ``[cluster.dns]``.
        context: Logger, provider name and the host's deadline.
        client: Sends the queries.
    """

    def __init__(self, settings: DnsSettings, context: PluginContext, client: DnsClient) -> None:
        self._settings = settings
        self._source = context.provider
        self._client = client
        self._question = question_for(settings)
        self._targets = TargetLookup(settings.family)
        self._timeout = min(settings.timeout or context.timeout, context.timeout) * _DEADLINE_SHARE
        self._warnings = WarnOnChange(context.logger, service=self._question.name)

    async def discover(self) -> Found | Empty:
        """Query once; see ``engram_discovery.protocols.Discoverer``.

        Endpoints come in the order of RFC 2782. ``meta["target"]`` is the name that an address belongs to,
        ``detail`` names the records that answered, ``ttl`` is the smallest TTL, 1 s to ``refresh_interval``.

        Raises:
            DiscoveryError: DNS did not answer, or the answer is an error, malformed or partial.
        """
        with self._client.session(self._timeout) as session:
            answer = await self._answer(session)
        hint = readiness_hint(self._question.name, answer)
        self._warnings.check("dns.readiness_deadlock", hint, remedy=hint)
        if hint and isinstance(answer, Empty):
            return Empty(f"{answer.reason}; {hint}", ttl=answer.ttl)
        return answer

    async def aclose(self) -> None:
        """Do nothing: no socket outlives a call."""

    async def _answer(self, session: LookupSession) -> Found | Empty:
        mode, name = self._question.mode, self._question.name
        if mode is QueryMode.ADDRESS:
            return await self._from_addresses(session)
        reply = await session.ask(name, Kind.SRV)
        if not reply.negative:
            return await self._from_service(session, reply)
        if mode is QueryMode.AUTO:
            return await self._from_addresses(session)
        return Empty(f"{reply.negative} for SRV {name}", self._ttl([reply.answer.ttl]))

    async def _from_addresses(self, session: LookupSession) -> Found | Empty:
        name = self._question.name
        addresses = await self._targets.resolve(session, name)
        self._refuse_partial([addresses])
        ttl = self._ttl([addresses.ttl])
        if not addresses.texts:
            return Empty(f"{addresses.negative} for {name}: no address records", ttl)
        meta = _meta(name.removesuffix("."))
        endpoints = [
            Endpoint(host, self._question.port, source=self._source, ttl=addresses.ttl, meta=meta)
            for host in addresses.texts
        ]
        detail = f"A/AAAA {name} from {addresses.server}"
        return Found(self._allowed(endpoints), addresses.failure is None, ttl, detail)

    async def _from_service(self, session: LookupSession, reply: Reply) -> Found | Empty:
        selection = select(cast("tuple[SrvRecord, ...]", reply.answer.records), self._question.port)
        self._report(selection)
        if not selection.records:
            return self._not_offered(reply, selection)
        targets = await self._addresses(session, selection, reply)
        self._refuse_partial(targets.values())
        ttl = self._ttl([reply.answer.ttl, *(addresses.ttl for addresses in targets.values())])
        endpoints = self._endpoints(selection, targets, reply.answer.ttl)
        if not endpoints:
            return Empty(f"no target of SRV {reply.name} has an address", ttl)
        complete = all(addresses.failure is None for addresses in targets.values())
        return Found(self._allowed(endpoints), complete, ttl, f"SRV {reply.name} from {reply.server}")

    async def _addresses(
        self, session: LookupSession, selection: Selection, reply: Reply
    ) -> Mapping[bytes, Addresses]:
        names = {record.target for record in selection.records}
        if self._question.mode is QueryMode.SRV_NAMES:
            return {name: Addresses(_host_name(name)) for name in names}
        return await self._targets.resolve_all(session, names, reply.answer)

    def _endpoints(
        self, selection: Selection, targets: Mapping[bytes, Addresses], ttl: float | None
    ) -> list[Endpoint]:
        return [
            Endpoint(
                host,
                record.port,
                priority=record.priority,
                weight=record.weight,
                source=self._source,
                ttl=ttl,
                meta=_meta(to_text(record.target)),
            )
            for record in selection.records
            for host in targets[record.target].texts
        ]

    def _refuse_partial(self, lookups: Iterable[Addresses]) -> None:
        """Raise if no name was resolved, or if one was not and ``partial = "fail"``."""
        lookups = tuple(lookups)
        failures = [addresses.failure for addresses in lookups if addresses.failure is not None]
        answered = any(
            addresses.texts for addresses in lookups if addresses.failure is None or addresses.fresh
        )
        if failures and (self._settings.partial == "fail" or not answered):
            raise failures[0]
        self._warnings.check(
            "dns.partial",
            bool(failures),
            count=len(failures),
            total=len(lookups),
            error=str(failures[0]) if failures else "",
        )

    def _not_offered(self, reply: Reply, selection: Selection) -> Empty:
        if selection.offered:
            raise DiscoveryError(f"SRV {reply.name}: every record has port 0", kind=FailureKind.BAD_DATA)
        reason = f'SRV {reply.name}: service not offered (target ".", RFC 2782)'
        return Empty(reason, self._ttl([reply.answer.ttl]))

    def _report(self, selection: Selection) -> None:
        self._warnings.check("dns.records_without_port", selection.without_port, count=selection.without_port)
        self._warnings.check(
            "dns.ambiguous_ports",
            selection.ambiguous_ports,
            ports=list(selection.ambiguous_ports),
            remedy="set cluster.dns.port to one of them, or cluster.dns.port_name",
        )

    def _allowed(self, endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
        """Drop addresses outside ``allowed_cidrs``. The host drops wildcard and multicast addresses."""
        networks = self._settings.allowed_cidrs
        allowed = tuple(e for e in endpoints if not networks or _is_in(e.host, networks))
        outside = len(endpoints) - len(allowed)
        self._warnings.check("dns.addresses_not_allowed", bool(outside), count=outside, total=len(endpoints))
        if not allowed:
            text = f"not one of {outside} addresses is in cluster.dns.allowed_cidrs"
            raise DiscoveryError(text, kind=FailureKind.BAD_DATA)
        return allowed

    def _ttl(self, ttls: Iterable[float | None]) -> float:
        longest = self._settings.refresh_interval
        return max(MIN_TTL, min([longest, *(ttl for ttl in ttls if ttl is not None)]))


def _meta(target: str) -> Mapping[str, str]:
    return MappingProxyType({"target": target})


def _host_name(name: bytes) -> tuple[str, ...]:
    try:
        return (canonical_host(to_text(name)),)
    except ValueError:
        return ()


def _is_in(host: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return True  # a name: its address is known only when the host resolves it
    return any(address.version == network.version and address in network for network in networks)
