"""Questions to DNS and what they can come to: records, an authoritative no, or a ``DiscoveryError``.

An error is never a no: SERVFAIL, REFUSED, silence and garbage raise. A name does not exist only if every
variant of it on the search list is said not to exist (the rule of Prometheus' ``discovery/dns``).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver

from engram_discovery.address import format_address
from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery_dns.nameserver import GarbageError, TruncatedOverTcpError
from engram_discovery_dns.resolv_conf import search_variants

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dns.asyncresolver import Resolver
    from dns.rrset import RRset

    from engram_discovery_dns.resolv_conf import ResolverConfiguration

__all__ = ["DnsClient", "Reply"]

_DEEPEST_CNAME_CHAIN = 8
_WORDS: Mapping[type, str] = MappingProxyType(
    {
        dns.exception.Timeout: "no answer",
        dns.message.Truncated: "truncated over UDP",
        dns.message.ChainTooLong: "a loop of CNAMEs",
        TruncatedOverTcpError: "more than 64 KiB: truncated over TCP",
        GarbageError: "no DNS message that answers the question",
        EOFError: "connection closed",
    }
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What DNS says, with authority, to one question.

    Attributes:
        name: The variant of the name that answered.
        records: The records; None if there are none.
        additional: What the server added unasked.
        ttl: The smallest TTL involved, in seconds; of a no, the negative TTL.
        server: Who answered, as ``address:port``.
        no: Why there are no records: ``NXDOMAIN`` or ``NODATA``.
    """

    name: str
    records: RRset | None
    additional: tuple[RRset, ...] = ()
    ttl: float = 0.0
    server: str = ""
    no: str = ""


class DnsClient:
    """Asks the machine's resolvers. Holds no sockets between questions.

    Args:
        configuration: Where to ask, and with which search list.
    """

    def __init__(self, configuration: ResolverConfiguration) -> None:
        self._configuration = configuration

    async def ask(self, name: str | dns.name.Name, kind: dns.rdatatype.RdataType, *, within: float) -> Reply:
        """Ask for records, with retries and every name server, for ``within`` seconds at most.

        Args:
            name: A name to which the search list applies unless it ends with a dot, or an absolute name.
            kind: The type of record.
            within: Seconds for all variants of the name together.

        Raises:
            DiscoveryError: No variant has records, and not every one was answered.
        """
        resolver = self._configuration.resolver()
        variants = [name] if isinstance(name, dns.name.Name) else search_variants(resolver, name)
        failure: DiscoveryError | None = None
        refusal: Reply | None = None
        now = asyncio.get_running_loop().time
        deadline = now() + within
        for variant in variants:
            try:
                reply = await _ask_one(resolver, variant, kind, deadline - now())
            except DiscoveryError as error:
                failure = error
                continue
            if reply.records is not None:
                return reply
            if refusal is None or reply.no == "NODATA":
                refusal = reply
        if failure is not None or refusal is None:
            raise failure or AssertionError("a name has at least one variant")
        return refusal


async def _ask_one(
    resolver: Resolver, name: dns.name.Name, kind: dns.rdatatype.RdataType, lifetime: float
) -> Reply:
    try:
        answer = await resolver.resolve(
            name, kind, raise_on_no_answer=False, lifetime=max(0.0, lifetime), search=False
        )
    except dns.resolver.NXDOMAIN as error:
        chain = error.response(name).resolve_chaining()  # type: ignore[no-untyped-call]
        return Reply(str(name), None, ttl=float(chain.minimum_ttl), no="NXDOMAIN")
    except (dns.resolver.NoNameservers, dns.resolver.LifetimeTimeout) as error:
        raise _failure(name, kind, error.kwargs.get("errors", ())) from error
    except dns.exception.DNSException as error:
        raise DiscoveryError(f"{_what(name, kind)}: {error}", kind=FailureKind.DNS_FAILURE) from error
    return _reply(name, kind, answer)


def _reply(name: dns.name.Name, kind: dns.rdatatype.RdataType, answer: dns.resolver.Answer) -> Reply:
    chain = answer.chaining_result
    if len(chain.cnames) > _DEEPEST_CNAME_CHAIN:
        text = f"{_what(name, kind)}: a chain of more than {_DEEPEST_CNAME_CHAIN} CNAMEs"
        raise DiscoveryError(text, kind=FailureKind.BAD_DATA)
    return Reply(
        name=str(name),
        records=answer.rrset,
        additional=tuple(answer.response.additional),
        ttl=float(chain.minimum_ttl),
        server=format_address((answer.nameserver or "", answer.port or 0)),
        no="" if answer.rrset is not None else "NODATA",
    )


def _failure(name: dns.name.Name, kind: dns.rdatatype.RdataType, errors: Iterable[Any]) -> DiscoveryError:
    """Make one error of what each try of each server came to: (server, over TCP, port, cause, response)."""
    causes = [(f"{server} over TCP" if tcp else str(server), cause) for server, tcp, _, cause, _ in errors]
    kinds = [_kind(cause) for _, cause in causes if not isinstance(cause, dns.message.Truncated)]
    tries = dict.fromkeys(f"{where}: {_words(cause)}" for where, cause in causes)
    text = "; ".join(tries) or "no time left"
    return DiscoveryError(f"{_what(name, kind)}: {text}", kind=kinds[-1] if kinds else FailureKind.TIMEOUT)


def _what(name: dns.name.Name, kind: dns.rdatatype.RdataType) -> str:
    return f"{dns.rdatatype.to_text(kind)} {name}"


def _kind(cause: object) -> FailureKind:
    if isinstance(cause, dns.exception.Timeout):
        return FailureKind.TIMEOUT
    if cause == "REFUSED" or isinstance(cause, ConnectionRefusedError):
        return FailureKind.REFUSED
    if isinstance(cause, str):
        return FailureKind.DNS_FAILURE
    return FailureKind.UNAVAILABLE if isinstance(cause, OSError | EOFError) else FailureKind.BAD_DATA


def _words(cause: object) -> str:
    if isinstance(cause, str):
        return cause
    if isinstance(cause, OSError):
        return cause.strerror or type(cause).__name__
    for known, words in _WORDS.items():
        if isinstance(cause, known):
            return words
    return str(cause) or type(cause).__name__
