"""What each answer, error and silence of name servers comes to. The servers are scripts on real sockets."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import dns.message
import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery_dns.client import DnsClient, Reply
from engram_discovery_dns.wire import Kind, Rcode
from plugins.dns.tests.factories import make_client
from plugins.dns.tests.scripted import Script, reply, serve
from tests.servers.process import free_port

NAME = "n1.engram.test."
RECORD = f"{NAME} 5 IN A 10.0.0.1"


async def ask(client: DnsClient, name: str = NAME, within: float = 30.0) -> Reply:
    with client.session(within) as session:
        return await session.ask(name, Kind.A)


def good(query: dns.message.Message) -> Sequence[bytes]:
    return [reply(query, RECORD)]


def refusing(rcode: int) -> Script:
    return lambda query: [reply(query, rcode=rcode)]


def silent(query: dns.message.Message) -> Sequence[bytes]:
    return []


def truncated(query: dns.message.Message) -> Sequence[bytes]:
    return [reply(query, RECORD, truncated=True)]


@pytest.mark.parametrize(
    ("udp", "tcp", "kind", "words"),
    [
        (refusing(Rcode.SERVFAIL), None, FailureKind.DNS_FAILURE, "SERVFAIL"),
        (refusing(Rcode.NOTIMP), None, FailureKind.DNS_FAILURE, "NOTIMP"),
        (refusing(9), None, FailureKind.DNS_FAILURE, "response code 9"),
        (refusing(Rcode.REFUSED), None, FailureKind.REFUSED, "REFUSED"),
        (truncated, None, FailureKind.REFUSED, "connection refused"),
        (truncated, silent, FailureKind.UNAVAILABLE, "connection closed"),
        (truncated, truncated, FailureKind.BAD_DATA, "more than 64 KiB"),
        (truncated, lambda query: [b"garbage"], FailureKind.BAD_DATA, "too early"),
    ],
)
async def test_what_is_no_answer_is_a_failure(
    udp: Script, tcp: Script | None, kind: FailureKind, words: str
) -> None:
    """Each way of not answering has its kind, and the message says what happened. None is an empty answer."""
    async with serve(udp, tcp) as server:
        with pytest.raises(DiscoveryError, match=words) as caught:
            await ask(make_client(server, patience=10))

    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("udp", "kind", "words"),
    [
        (silent, FailureKind.TIMEOUT, "no answer"),
        (lambda query: [b"garbage"], FailureKind.BAD_DATA, "no DNS message"),
    ],
)
async def test_no_answer_in_all_the_time_is_a_failure(udp: Script, kind: FailureKind, words: str) -> None:
    """Silence and garbage are waited out; then it is said which of the two it was."""
    async with serve(udp) as server:
        with pytest.raises(DiscoveryError, match=words) as caught:
            await ask(make_client(server), within=1.0)

    assert caught.value.kind is kind


async def test_a_closed_port_is_noticed_at_once() -> None:
    """The kernel says so; the deadline, which is after that of the test, is not waited for."""
    with pytest.raises(DiscoveryError, match="connection refused") as caught:
        await ask(make_client(f"127.0.0.1:{free_port()}", patience=3600), within=3600)

    assert caught.value.kind is FailureKind.REFUSED


async def test_truncated_answers_are_fetched_over_tcp() -> None:
    """What came over UDP is thrown away, the whole is taken."""
    async with serve(truncated, lambda query: [reply(query, RECORD, f"{NAME} 5 IN A 10.0.0.2")]) as server:
        answer = await ask(make_client(server))

    assert set(answer.answer.records) == {"10.0.0.1", "10.0.0.2"}


async def test_tcp_that_never_answers_is_told_from_silence() -> None:
    """A firewall that lets only UDP through is named in the message, and no part is handed on."""
    async with serve(truncated, lambda query: None) as server:
        with pytest.raises(DiscoveryError, match="truncated over UDP, no answer over TCP") as caught:
            await ask(make_client(server, patience=0.5), within=2.0)

    assert caught.value.kind is FailureKind.TIMEOUT


async def test_forged_answers_are_passed_over() -> None:
    """Garbage, a wrong id, and answers to another question come first; the real answer is used."""

    def forger(query: dns.message.Message) -> Sequence[bytes]:
        other = dns.message.make_query("evil.test.", "A", id=query.id)
        wrong_id = dns.message.make_query(NAME, "A", id=query.id ^ 1)
        evil = f"{NAME} 5 IN A 192.0.2.66"
        return [b"\0", reply(wrong_id, evil), reply(other, evil), reply(query, RECORD)]

    async with serve(forger) as server:
        answer = await ask(make_client(server))

    assert answer.answer.records == ("10.0.0.1",)


@pytest.mark.parametrize("lame", [silent, refusing(Rcode.SERVFAIL), refusing(Rcode.REFUSED)])
async def test_the_next_server_answers_for_a_lame_one(lame: Script) -> None:
    """The first server to answer wins; a silent one costs one try."""
    async with serve(lame) as bad, serve(good) as better:
        answer = await ask(make_client(bad, better, patience=0.3))

    assert answer.answer.records == ("10.0.0.1",)
    assert answer.server == str(better)


async def test_a_server_that_was_silent_is_asked_last_in_the_same_round() -> None:
    """A dead first server costs a round one try, not one for each name."""
    unanswered: list[int] = []

    def dead_script(query: dns.message.Message) -> Sequence[bytes]:
        unanswered.append(query.id)
        return []

    async with serve(dead_script) as dead, serve(good) as alive:
        client = make_client(dead, alive, patience=1.0)
        with client.session(30.0) as session:
            for _ in range(10):
                await session.ask(NAME, Kind.A)

    assert len(unanswered) == 1


async def test_a_lost_datagram_is_sent_again() -> None:
    """One silence is not a failure while there is time."""
    seen: list[int] = []

    def second_time(query: dns.message.Message) -> Sequence[bytes]:
        seen.append(query.id)
        return good(query) if len(seen) > 1 else []

    async with serve(second_time) as server:
        answer = await ask(make_client(server, patience=0.3))

    assert answer.answer.records == ("10.0.0.1",)


async def test_garbage_does_not_end_the_look_up() -> None:
    """A forger who is faster than a lost answer gains nothing: the server is asked again."""
    seen: list[int] = []

    def garbage_first(query: dns.message.Message) -> Sequence[bytes]:
        seen.append(query.id)
        return good(query) if len(seen) > 1 else [b"garbage"]

    async with serve(garbage_first) as server:
        answer = await ask(make_client(server, patience=0.3))

    assert answer.answer.records == ("10.0.0.1",)


def resolv_conf(directory: Path, text: str) -> Path:
    path = directory / "resolv.conf"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({"n1.a.": Rcode.NXDOMAIN, "n1.b.": Rcode.NXDOMAIN, "n1.": Rcode.NXDOMAIN}, "NXDOMAIN"),
        ({"n1.a.": Rcode.NXDOMAIN, "n1.b.": Rcode.NOERROR, "n1.": Rcode.NXDOMAIN}, "NODATA"),
        ({"n1.a.": Rcode.SERVFAIL, "n1.b.": Rcode.NXDOMAIN, "n1.": Rcode.NXDOMAIN}, None),
        ({"n1.a.": Rcode.NXDOMAIN, "n1.b.": Rcode.NXDOMAIN, "n1.": Rcode.SERVFAIL}, None),
        ({"n1.a.": Rcode.SERVFAIL, "n1.b.": "record", "n1.": Rcode.NXDOMAIN}, ""),
    ],
)
async def test_a_name_is_missing_only_if_every_variant_is(
    tmp_path: Path, script: dict[str, object], expected: str | None
) -> None:
    """One variant of the search list that failed makes the answer a failure, unless another has records."""

    def answers(query: dns.message.Message) -> Sequence[bytes]:
        name = query.question[0].name.to_text()
        verdict = script[name]
        return [
            reply(query, f"{name} 5 IN A 10.0.0.1")
            if verdict == "record"
            else reply(query, rcode=int(str(verdict)))
        ]

    async with serve(answers) as server:
        client = make_client(server, resolv_conf=resolv_conf(tmp_path, "search a b\noptions ndots:5\n"))
        if expected is None:
            with pytest.raises(DiscoveryError, match="SERVFAIL"):
                await ask(client, "n1")
        else:
            assert (await ask(client, "n1")).negative == expected


async def test_a_cancelled_question_leaves_no_socket() -> None:
    """The host's deadline closes what the question opened; an unclosed socket would be a warning, thus an error."""
    async with serve(silent) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(make_client(server))
