"""Query DNS: the result is records, an authoritative negative answer, or a ``DiscoveryError``.

An error is never a negative answer: SERVFAIL, REFUSED, timeouts and malformed messages raise. A name does not exist
only if every search-list variant of it got a negative answer (the rule of Prometheus' ``discovery/dns``, ADR 40).
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.provider import DiscoveryError, FailureKind
from engram_discovery_dns.nameserver import GarbageError, Nameserver, TruncatedError
from engram_discovery_dns.wire import Answer, CnameError, MalformedError, Query, Rcode, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engram_discovery_dns.nameserver import Outcome
    from engram_discovery_dns.resolv_conf import ResolvConf, ResolverConfiguration
    from engram_discovery_dns.wire import Kind

__all__ = ["DnsClient", "LookupSession", "Reply"]

MAX_BURST = 32
_ANSWERED = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class Reply:
    """One authoritative answer.

    Attributes:
        query: The query, with the search-list variant that answered.
        answer: The records and the additional section.
        server: The server that answered, as ``address:port``.
    """

    query: Query
    answer: Answer
    server: str

    @property
    def name(self) -> str:
        """The search-list variant that answered, as text."""
        return to_text(self.query.name)

    @property
    def negative(self) -> str:
        """``NXDOMAIN`` or ``NODATA`` where the answer holds no records, else an empty string (RFC 2308)."""
        if self.answer.records:
            return ""
        return "NXDOMAIN" if self.answer.rcode == Rcode.NXDOMAIN else "NODATA"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One failed query to one server; ``retry`` if the same server may answer the next one."""

    kind: FailureKind
    text: str
    retry: bool = False


class DnsClient:
    """Queries the name servers of the system, or those of the settings.

    Args:
        configuration: Name servers and search list.
    """

    def __init__(self, configuration: ResolvConf) -> None:
        self._configuration = configuration

    @contextmanager
    def session(self, timeout: float) -> Iterator[LookupSession]:
        """Open a session of queries that share sockets and one deadline, ``timeout`` seconds from now.

        Raises:
            DiscoveryError: There is no usable resolver configuration.
        """
        configuration = self._configuration.current()
        servers = [Nameserver(address) for address in configuration.nameservers]
        try:
            yield LookupSession(configuration, servers, asyncio.get_running_loop().time() + timeout)
        finally:
            for server in servers:
                server.close()


class LookupSession:
    """Queries under one deadline. Made by ``DnsClient.session``."""

    def __init__(
        self, configuration: ResolverConfiguration, servers: list[Nameserver], deadline: float
    ) -> None:
        self._configuration = configuration
        self._servers = servers
        self._deadline = deadline
        self._begun: dict[Query, tuple[Nameserver, Outcome]] = {}

    async def prefetch(self, queries: Sequence[Query]) -> bool:
        """Send queries, a burst at a time, so that a later ``ask`` finds their answers.

        Returns:
            True if all are answered; after the first one that is not, the rest is left to ``ask``.
        """
        for start in range(0, len(queries), MAX_BURST):
            burst = queries[start : start + MAX_BURST]
            server = min(self._servers, key=_failures)
            outcomes = server.begin(burst, self._attempt_timeout)
            self._begun.update(
                (query, (server, outcome)) for query, outcome in zip(burst, outcomes, strict=True)
            )
            await asyncio.wait(outcomes)
            if not all(_is_complete(outcome.result()) for outcome in outcomes):
                return False
        return True

    async def ask(self, name: str | bytes, kind: Kind) -> Reply:
        """Query all name servers in turn, with retries.

        Args:
            name: A name to which the search list applies unless it ends with a dot; or a name in wire form.
            kind: The record type.

        Raises:
            DiscoveryError: No variant of the name has records, and at least one was not answered.
        """
        failure: DiscoveryError | None = None
        negative: Reply | None = None
        for variant in self.variants(name):
            try:
                reply = await self._ask_servers(Query(variant, kind))
            except DiscoveryError as error:
                failure = error
                continue
            if not reply.negative:
                return reply
            negative = reply if negative is None or reply.negative == "NODATA" else negative
        if failure is not None or negative is None:
            raise failure or DiscoveryError(f"{name!r} has no variant", kind=FailureKind.CONFIG)
        return negative

    def variants(self, name: str | bytes) -> list[bytes]:
        """Return the names that ``ask`` tries for ``name``, in wire form."""
        return [name] if isinstance(name, bytes) else self._configuration.variants(name)

    async def _ask_servers(self, query: Query) -> Reply:
        """Query one server after another, fewest failures first; a server that timed out is queried again."""
        attempts: dict[str, FailureKind] = {}
        candidates = list(self._servers)
        begun = query in self._begun
        server, outcome = self._begun.pop(query) if begun else self._send(query, candidates)
        while True:
            result = await self._finish(query, server, outcome)
            if isinstance(result, Answer):
                return Reply(query, result, str(server))
            server.failures += 1
            attempts[f"{server}: {result.text}"] = result.kind
            if not result.retry:
                candidates.remove(server)
            if not candidates or self._left <= 0:
                raise DiscoveryError(f"{query}: {'; '.join(attempts)}", kind=result.kind)
            server, outcome = self._send(query, candidates)

    def _send(self, query: Query, candidates: list[Nameserver]) -> tuple[Nameserver, Outcome]:
        server = min(candidates, key=_failures)
        return server, server.begin([query], self._attempt_timeout)[0]

    async def _finish(self, query: Query, server: Nameserver, outcome: Outcome) -> Answer | _Attempt:
        """Wait for one server; return its answer, or what went wrong."""
        try:
            answer = await server.finish(query, outcome, self._attempt_timeout)
        except GarbageError as error:
            return _Attempt(FailureKind.BAD_DATA, str(error), retry=True)
        except TimeoutError as error:
            return _Attempt(FailureKind.TIMEOUT, str(error), retry=True)
        except ConnectionRefusedError:
            return _Attempt(FailureKind.REFUSED, "connection refused")
        except OSError as error:
            return _Attempt(FailureKind.UNAVAILABLE, error.strerror or str(error))
        except (MalformedError, CnameError, TruncatedError) as error:
            return _Attempt(FailureKind.BAD_DATA, str(error))
        return answer if answer.rcode in _ANSWERED else _rejected(answer.rcode)

    @property
    def _attempt_timeout(self) -> float:
        """Seconds for one query, over UDP and over TCP each."""
        return max(0.0, min(self._configuration.timeout, self._left))

    @property
    def _left(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()


def _is_complete(result: Answer | Exception) -> bool:
    return isinstance(result, Answer) and not result.truncated


def _failures(server: Nameserver) -> int:
    return server.failures


def _rejected(rcode: int) -> _Attempt:
    try:
        name = Rcode(rcode).name
    except ValueError:
        name = f"response code {rcode}"
    return _Attempt(FailureKind.REFUSED if rcode == Rcode.REFUSED else FailureKind.DNS_FAILURE, name)
