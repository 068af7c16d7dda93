"""Where our peers are, by DNS: SRV records and the addresses of their targets, or plain address records."""

from __future__ import annotations

from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.network.address import canonical_host
from engram_discovery.types import Empty, Endpoint, Found
from engram_discovery_dns.kubernetes import readiness_hint
from engram_discovery_dns.question import Form, question_for
from engram_discovery_dns.records import select
from engram_discovery_dns.targets import Addresses, TargetLookup
from engram_discovery_dns.wire import Kind, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network

    from engram_discovery.hookspecs import PluginContext
    from engram_discovery_dns.client import DnsClient, Reply, Round
    from engram_discovery_dns.records import Selection
    from engram_discovery_dns.settings import DnsSettings
    from engram_discovery_dns.wire import SrvRecord

__all__ = ["DnsDiscoverer"]

_SHORTEST_TTL = 1.0
_OWN_SHARE = (
    0.9  # of the host's deadline, so that what was found in time is answered before the host gives up
)


class DnsDiscoverer:
    """Asks DNS once a call; the host refreshes, retries and remembers whole answers.

    Args:
        settings: The table ``[cluster.dns]``.
        context: Logger, provider name and the host's deadline.
        client: How DNS is asked.
    """

    def __init__(self, settings: DnsSettings, context: PluginContext, client: DnsClient) -> None:
        self._settings = settings
        self._source = context.provider
        self._logger = context.logger
        self._client = client
        self._question = question_for(settings)
        self._targets = TargetLookup(settings.family)
        self._timeout = min(settings.timeout or context.timeout, context.timeout) * _OWN_SHARE
        self._warned: dict[str, object] = {}

    async def discover(self) -> Found | Empty:
        """Ask once; see ``engram_discovery.protocols.Discoverer``.

        Endpoints come in the order of RFC 2782. ``meta["target"]`` is the name that an address belongs to,
        ``detail`` says which records answered, ``ttl`` is the smallest TTL, 1 s to ``refresh_interval``.

        Raises:
            DiscoveryError: DNS did not answer, or answered with an error, nonsense, or only a part.
        """
        with self._client.round(self._timeout) as asking:
            answer = await self._answer(asking)
        hint = readiness_hint(self._question.name, answer)
        self._warn_once("dns.readiness_deadlock", hint, remedy=hint)
        if hint and isinstance(answer, Empty):
            return Empty(f"{answer.reason}; {hint}", ttl=answer.ttl)
        return answer

    async def aclose(self) -> None:
        """Do nothing: no socket outlives a call."""

    async def _answer(self, asking: Round) -> Found | Empty:
        form, name = self._question.form, self._question.name
        if form is Form.ADDRESS:
            return await self._by_address(asking)
        reply = await asking.ask(name, Kind.SRV)
        if not reply.no:
            return await self._by_service(asking, reply)
        if form is Form.AUTO:
            return await self._by_address(asking)
        return Empty(f"{reply.no} for SRV {name}", self._ttl([reply.answer.ttl]))

    async def _by_address(self, asking: Round) -> Found | Empty:
        name = self._question.name
        addresses = await self._targets.look_up(asking, name)
        self._refuse_partial([addresses])
        ttl = self._ttl([addresses.ttl])
        if not addresses.texts:
            return Empty(f"{addresses.no} for {name}: no address records", ttl)
        meta = _meta(name.removesuffix("."))
        endpoints = [
            Endpoint(host, self._question.port, source=self._source, ttl=addresses.ttl, meta=meta)
            for host in addresses.texts
        ]
        detail = f"A/AAAA {name} from {addresses.server}"
        return Found(self._allowed(endpoints), addresses.failure is None, ttl, detail)

    async def _by_service(self, asking: Round, reply: Reply) -> Found | Empty:
        selection = select(cast("tuple[SrvRecord, ...]", reply.answer.records), self._question.port)
        self._report(selection)
        if not selection.records:
            return self._nobody_offers(reply, selection)
        targets = await self._addresses(asking, selection, reply)
        self._refuse_partial(targets.values())
        ttl = self._ttl([reply.answer.ttl, *(addresses.ttl for addresses in targets.values())])
        endpoints = self._endpoints(selection, targets, reply.answer.ttl)
        if not endpoints:
            return Empty(f"no target of SRV {reply.name} has an address", ttl)
        complete = all(addresses.failure is None for addresses in targets.values())
        return Found(self._allowed(endpoints), complete, ttl, f"SRV {reply.name} from {reply.server}")

    async def _addresses(
        self, asking: Round, selection: Selection, reply: Reply
    ) -> Mapping[bytes, Addresses]:
        names = {record.target for record in selection.records}
        if self._question.form is Form.SRV_NAMES:
            return {name: Addresses(_host_name(name)) for name in names}
        return await self._targets.look_up_all(asking, names, reply.answer)

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
        """Raise if nothing could be looked up, or if the settings want all and a part could not."""
        lookups = tuple(lookups)
        failures = [addresses.failure for addresses in lookups if addresses.failure is not None]
        answered = any(
            addresses.texts for addresses in lookups if addresses.failure is None or addresses.fresh
        )
        if failures and (self._settings.partial == "fail" or not answered):
            raise failures[0]
        self._warn_once(
            "dns.partial",
            bool(failures),
            failed=len(failures),
            of=len(lookups),
            error=str(failures[0]) if failures else "",
        )

    def _nobody_offers(self, reply: Reply, selection: Selection) -> Empty:
        if selection.offered:
            raise DiscoveryError(f"SRV {reply.name}: every record has port 0", kind=FailureKind.BAD_DATA)
        reason = f'SRV {reply.name} says that the service is not offered (target ".")'
        return Empty(reason, self._ttl([reply.answer.ttl]))

    def _report(self, selection: Selection) -> None:
        self._warn_once("dns.records_without_port", selection.without_port, records=selection.without_port)
        self._warn_once(
            "dns.ambiguous_ports",
            selection.ambiguous_ports,
            ports=list(selection.ambiguous_ports),
            remedy="set cluster.dns.port to one of them, or cluster.dns.port_name",
        )

    def _allowed(self, endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
        """Drop what the settings do not allow. The host drops what can be nobody's address."""
        networks = self._settings.allowed_cidrs
        allowed = tuple(e for e in endpoints if not networks or _is_in(e.host, networks))
        outside = len(endpoints) - len(allowed)
        self._warn_once("dns.addresses_not_allowed", bool(outside), dropped=outside, of=len(endpoints))
        if not allowed:
            text = f"not one of {outside} addresses is in cluster.dns.allowed_cidrs"
            raise DiscoveryError(text, kind=FailureKind.BAD_DATA)
        return allowed

    def _ttl(self, ttls: Iterable[float | None]) -> float:
        longest = self._settings.refresh_interval
        return max(_SHORTEST_TTL, min([longest, *(ttl for ttl in ttls if ttl is not None)]))

    def _warn_once(self, event: str, fact: object, **facts: object) -> None:
        """Log a warning when ``fact`` is true and not what it was at the last look-up."""
        if fact and self._warned.get(event) != fact:
            self._logger.warning(event, service=self._question.name, **facts)
        self._warned[event] = fact


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
        return True  # a name: the host that looks it up sees its address, we do not
    return any(address.version == network.version and address in network for network in networks)
