"""Questions to DNS and what they can come to: records, an authoritative no, or a ``DiscoveryError``.

An error is never a no: SERVFAIL, REFUSED, silence and garbage raise. A name does not exist only if every
variant of it on the search list is said not to exist (the rule of Prometheus' ``discovery/dns``).
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery_dns.nameserver import GarbageError, Nameserver, TruncatedError
from engram_discovery_dns.wire import Answer, CnameError, MalformedError, Query, Rcode, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engram_discovery_dns.nameserver import Outcome
    from engram_discovery_dns.resolv_conf import ResolvConf, ResolverConfiguration
    from engram_discovery_dns.wire import Kind

__all__ = ["DnsClient", "Reply", "Round"]

_BURST = 32
_ANSWERED = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class Reply:
    """What DNS says, with authority, to one question.

    Attributes:
        query: The question, with the variant of the name that answered.
        answer: The records, and what came with them.
        server: Who answered, as ``address:port``.
    """

    query: Query
    answer: Answer
    server: str

    @property
    def name(self) -> str:
        """The variant of the name that answered, for people."""
        return to_text(self.query.name)

    @property
    def no(self) -> str:
        """Why there are no records, in the words of DNS; empty if there are some."""
        if self.answer.records:
            return ""
        return "NXDOMAIN" if self.answer.rcode == Rcode.NXDOMAIN else "NODATA"


@dataclass(frozen=True, slots=True)
class _Miss:
    """One try that did not lead to an answer; ``ask_again`` if the same server may do better next time."""

    kind: FailureKind
    words: str
    ask_again: bool = False


class DnsClient:
    """Asks the machine's name servers, or those of the settings.

    Args:
        configuration: Where to ask, and with which search list.
    """

    def __init__(self, configuration: ResolvConf) -> None:
        self._configuration = configuration

    @contextmanager
    def round(self, within: float) -> Iterator[Round]:
        """Open a round of questions that share sockets and end ``within`` seconds from now.

        Raises:
            DiscoveryError: There is no usable resolver configuration.
        """
        configuration = self._configuration.current()
        servers = [Nameserver(address) for address in configuration.nameservers]
        try:
            yield Round(configuration, servers, asyncio.get_running_loop().time() + within)
        finally:
            for server in servers:
                server.close()


class Round:
    """Questions under one deadline. Made by ``DnsClient.round``."""

    def __init__(
        self, configuration: ResolverConfiguration, servers: list[Nameserver], deadline: float
    ) -> None:
        self._configuration = configuration
        self._servers = servers
        self._deadline = deadline
        self._begun: dict[Query, tuple[Nameserver, Outcome]] = {}

    async def prefetch(self, queries: Sequence[Query]) -> bool:
        """Send questions, a burst at a time, whose answers ``ask`` will be asked for.

        Returns:
            Whether all are answered. If one is not, the rest is left to ``ask``.
        """
        for start in range(0, len(queries), _BURST):
            burst = queries[start : start + _BURST]
            server = min(self._servers, key=_failures)
            outcomes = server.begin(burst, self._patience)
            self._begun.update(
                (query, (server, outcome)) for query, outcome in zip(burst, outcomes, strict=True)
            )
            await asyncio.wait(outcomes)
            if not all(_is_whole(outcome.result()) for outcome in outcomes):
                return False
        return True

    async def ask(self, name: str | bytes, kind: Kind) -> Reply:
        """Ask for records, with retries, of every name server.

        Args:
            name: A name to which the search list applies unless it ends with a dot; or a name in wire form.
            kind: The kind of record.

        Raises:
            DiscoveryError: No variant of the name has records, and not every one was answered.
        """
        failure: DiscoveryError | None = None
        no: Reply | None = None
        for variant in self.variants(name):
            try:
                reply = await self._ask_servers(Query(variant, kind))
            except DiscoveryError as error:
                failure = error
                continue
            if not reply.no:
                return reply
            no = reply if no is None or reply.no == "NODATA" else no
        if failure is not None or no is None:
            raise failure or DiscoveryError(f"{name!r} has no variant", kind=FailureKind.CONFIG)
        return no

    def variants(self, name: str | bytes) -> list[bytes]:
        """Return the names that ``ask`` tries for ``name``, in wire form."""
        return [name] if isinstance(name, bytes) else self._configuration.variants(name)

    async def _ask_servers(self, query: Query) -> Reply:
        """Ask one server after the other, those that failed less first; a silent one may be asked again."""
        tries: dict[str, FailureKind] = {}
        candidates = list(self._servers)
        begun = query in self._begun
        server, outcome = self._begun.pop(query) if begun else self._send(query, candidates)
        while True:
            result = await self._finish(query, server, outcome)
            if isinstance(result, Answer):
                return Reply(query, result, str(server))
            server.failures += 1
            tries[f"{server}: {result.words}"] = result.kind
            if not result.ask_again:
                candidates.remove(server)
            if not candidates or self._left <= 0:
                raise DiscoveryError(f"{query}: {'; '.join(tries)}", kind=result.kind)
            server, outcome = self._send(query, candidates)

    def _send(self, query: Query, candidates: list[Nameserver]) -> tuple[Nameserver, Outcome]:
        server = min(candidates, key=_failures)
        return server, server.begin([query], self._patience)[0]

    async def _finish(self, query: Query, server: Nameserver, outcome: Outcome) -> Answer | _Miss:
        """Wait for what one server makes of a question; return its answer, or what went wrong."""
        try:
            answer = await server.finish(query, outcome, self._patience)
        except GarbageError as error:
            return _Miss(FailureKind.BAD_DATA, str(error), ask_again=True)
        except TimeoutError as error:
            return _Miss(FailureKind.TIMEOUT, str(error), ask_again=True)
        except ConnectionRefusedError:
            return _Miss(FailureKind.REFUSED, "connection refused")
        except OSError as error:
            return _Miss(FailureKind.UNAVAILABLE, error.strerror or str(error))
        except (MalformedError, CnameError, TruncatedError) as error:
            return _Miss(FailureKind.BAD_DATA, str(error))
        return answer if answer.rcode in _ANSWERED else _refusal(answer.rcode)

    @property
    def _patience(self) -> float:
        """Seconds for one try, over UDP and over TCP each."""
        return max(0.0, min(self._configuration.timeout, self._left))

    @property
    def _left(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()


def _is_whole(result: Answer | Exception) -> bool:
    return isinstance(result, Answer) and not result.truncated


def _failures(server: Nameserver) -> int:
    return server.failures


def _refusal(rcode: int) -> _Miss:
    try:
        name = Rcode(rcode).name
    except ValueError:
        name = f"response code {rcode}"
    return _Miss(FailureKind.REFUSED if rcode == Rcode.REFUSED else FailureKind.DNS_FAILURE, name)
