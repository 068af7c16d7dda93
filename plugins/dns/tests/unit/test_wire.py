"""Reading and writing DNS messages; dnspython is the oracle."""

import contextlib

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery_dns.wire import (
    CnameError,
    Kind,
    MalformedError,
    Query,
    SrvRecord,
    from_text,
    to_text,
)
from plugins.dns.tests.scripted import reply

NAME = "_gossip._tcp.engram.test"
SRV = Query(from_text(NAME), Kind.SRV)
HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9](\.engram\.test\.|\.other\.)", fullmatch=True)
PORTS = st.integers(0, 65535)


def message_of(query: Query, ident: int = 7) -> dns.message.Message:
    return dns.message.from_wire(query.encode(ident))


def test_a_question_is_what_dnspython_reads() -> None:
    """The query asks for one name and type, with recursion and EDNS of 1232 bytes."""
    message = message_of(SRV)

    question = message.question[0]
    assert (question.name.to_text(), question.rdtype) == (f"{NAME}.", dns.rdatatype.SRV)
    assert (message.id, message.edns, message.payload) == (7, 0, 1232)
    assert "RD" in dns.flags.to_text(message.flags)


@given(st.lists(st.tuples(PORTS, PORTS, PORTS, HOSTS), min_size=1, max_size=12, unique=True), st.data())
def test_srv_answers_are_read_as_dnspython_wrote_them(
    records: list[tuple[int, int, int, str]], data: st.DataObject
) -> None:
    """Every record, and the addresses that came with it, whatever names are compressed."""
    v4 = data.draw(st.ip_addresses(v=4).map(str))
    v6 = data.draw(st.ip_addresses(v=6).map(str))
    target = records[0][3]
    wire = reply(
        message_of(SRV),
        *(f"{NAME}. 9 IN SRV {priority} {weight} {port} {host}" for priority, weight, port, host in records),
        additional=[f"{target} 3 IN A {v4}", f"{target} 4 IN AAAA {v6}"],
    )

    answer = SRV.decode(7, wire)

    assert set(answer.records) == {SrvRecord(p, w, port, from_text(host)) for p, w, port, host in records}
    assert answer.ttl == 9
    given_addresses = answer.additional[from_text(target)]
    assert given_addresses[Kind.A] == [(v4, 3)]
    assert [dns.rrset.from_text("a.", 1, "IN", "AAAA", a)[0] for a, _ in given_addresses[Kind.AAAA]] == [
        dns.rrset.from_text("a.", 1, "IN", "AAAA", v6)[0]
    ]


@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(tail: bytes) -> None:
    """Whatever follows a plausible header is an answer or a typed error."""
    header = b"\0\7\x81\x80" + tail
    for wire in (tail, header):
        with contextlib.suppress(MalformedError, CnameError):
            SRV.decode(7, wire)


@given(st.data())
def test_damaged_answers_are_refused_or_read(data: st.DataObject) -> None:
    """One flipped byte, or a cut, never leads to anything but an answer or a typed error."""
    wire = bytearray(
        reply(message_of(SRV), f"{NAME}. 9 IN SRV 1 2 3 n1.test.", additional=["n1.test. 9 IN A 10.0.0.1"])
    )
    wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(wire)))
    with contextlib.suppress(MalformedError, CnameError):
        SRV.decode(7, bytes(wire[:cut]))


def test_a_name_that_points_at_itself_ends() -> None:
    """Compression pointers lead back only: a loop is malformed, not endless."""
    header = b"\0\7\x81\x80\0\1\0\0\0\0\0\0"

    with pytest.raises(MalformedError, match="leads forward"):
        SRV.decode(7, header + b"\xc0\x0c\0\x21\0\1")


@pytest.mark.parametrize("change", ["id", "name", "kind", "query"])
def test_an_answer_to_something_else_is_refused(change: str) -> None:
    """Another id, name or type, or no response at all, is not our answer."""
    asked = message_of(SRV, 8 if change == "id" else 7)
    if change == "name":
        asked = message_of(Query(from_text("other.test"), Kind.SRV))
    if change == "kind":
        asked = message_of(Query(from_text(NAME), Kind.A))
    wire = asked.to_wire() if change == "query" else reply(asked)

    with pytest.raises(MalformedError):
        SRV.decode(7, wire)


def chain(length: int) -> bytes:
    """Return an answer with so many CNAMEs before the address."""
    links = [f"c{i}.test. {50 - i} IN CNAME c{i + 1}.test." for i in range(length)]
    query = message_of(Query(from_text("c0.test"), Kind.A))
    return reply(query, *links, f"c{length}.test. 60 IN A 10.0.0.1")


def test_eight_cnames_are_followed() -> None:
    """The records at the end of a chain of eight are the answer, with the smallest TTL of all."""
    answer = Query(from_text("c0.test"), Kind.A).decode(7, chain(8))

    assert answer.records == ("10.0.0.1",)
    assert answer.ttl == 43


def test_longer_chains_and_loops_of_cnames_are_errors() -> None:
    """Nine are too many, and a loop is one too."""
    query = Query(from_text("c0.test"), Kind.A)
    loop = reply(message_of(query), "c0.test. 5 IN CNAME c1.test.", "c1.test. 5 IN CNAME c0.test.")

    for wire in (chain(9), loop):
        with pytest.raises(CnameError):
            query.decode(7, wire)


def test_a_dangling_cname_is_no_data() -> None:
    """A CNAME to a name without records of the kind says that there are none."""
    query = Query(from_text("c0.test"), Kind.A)

    answer = query.decode(7, reply(message_of(query), "c0.test. 5 IN CNAME gone.test."))

    assert answer.records == ()


@pytest.mark.parametrize(("ttl", "read"), [(0, 0), (86_400, 86_400), (2**31 - 1, 2**31 - 1)])
def test_ttls_are_read_as_they_are(ttl: int, read: int) -> None:
    """From zero to the largest there is."""
    answer = SRV.decode(7, reply(message_of(SRV), f"{NAME}. {ttl} IN SRV 0 0 1 a.test."))

    assert answer.ttl == read


def test_a_ttl_above_31_bits_counts_as_zero() -> None:
    """RFC 2181, section 8."""
    wire = reply(message_of(SRV), f"{NAME}. 287454020 IN SRV 0 0 1 a.test.")

    answer = SRV.decode(7, wire.replace(b"\x11\x22\x33\x44", b"\x80\x00\x00\x01"))

    assert answer.ttl == 0


@pytest.mark.parametrize(("ttl", "minimum"), [(7, 900), (900, 7)])
def test_a_no_holds_as_long_as_the_zone_says(ttl: int, minimum: int) -> None:
    """The negative TTL is the smaller of the SOA's TTL and its minimum (RFC 2308)."""
    message = dns.message.from_wire(reply(message_of(SRV), rcode=3))
    message.authority.append(
        dns.rrset.from_text("engram.test.", ttl, "IN", "SOA", f"ns.test. root.test. 1 60 60 60 {minimum}")
    )

    answer = SRV.decode(7, message.to_wire())

    assert (answer.records, answer.ttl) == ((), 7)


def test_names_are_shown_with_strange_bytes_escaped() -> None:
    """No byte of a hostile name reaches a log as it is."""
    assert to_text(from_text("n1.engram.test.")) == "n1.engram.test"
    assert to_text(b"\x03a\nb\x02c.\0") == r"a\010b.c\046"
    assert to_text(b"\0") == "."
