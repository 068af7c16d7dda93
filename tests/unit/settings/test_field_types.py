"""The types of settings: accepted and refused values, and formatting as the inverse of parsing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from engram_discovery.network.address import Address, format_address, parse_address
from engram_discovery.settings.field_types import (
    Advertise,
    BindAddress,
    ClusterName,
    NodeId,
    PeerAddress,
    ProviderNames,
    format_duration,
    parse_duration,
)

HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str).filter(lambda text: not text.startswith("::ffff:")),
    st.sampled_from(
        ["fe80::1%eth0", "localhost", "engram-1.prod.example.com", "a_b", "xn--bcher-kva.example"]
    ),
)


@given(HOSTS, st.integers(1, 65535))
def test_an_address_that_was_written_is_read_back(host: str, port: int) -> None:
    """Formatting and parsing an address are inverse, also through the type of a setting."""
    text = format_address((host, port))

    assert parse_address(text) == Address(host, port)
    assert TypeAdapter(BindAddress).validate_python(text) == text


@given(st.integers(0, 10**12))
def test_a_duration_that_was_written_is_read_back(milliseconds: int) -> None:
    """Formatting and parsing a duration are inverse to the millisecond."""
    seconds = milliseconds / 1000

    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-4)


@given(st.one_of(st.text(max_size=20), st.floats(), st.integers(), st.booleans(), st.none()))
def test_any_duration_is_finite_or_refused(value: object) -> None:
    """Any text or number gives a finite duration of at least zero, or a ValueError."""
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        assert "expected a duration" in str(error)  # noqa: PT017  any other exception must fail the test
    else:
        assert 0 <= seconds < float("inf")


@given(st.text(max_size=300))
def test_any_address_is_canonical_or_refused(text: str) -> None:
    """Any accepted text gives an address that parses to itself."""
    adapter = TypeAdapter(PeerAddress)
    try:
        address = adapter.validate_python(text)
    except ValidationError:
        return

    assert adapter.validate_python(address) == address


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("1m30s", 90), ("250ms", 0.25), ("1.5h", 5400), ("1d", 86400), ("0", 0)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    """Units range from milliseconds to days; a number without a unit is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "5 m", "-1s", "1e3", "1h30", "30S", "٣s", "1m 30s", "1" * 20, "1w"]
)
def test_an_invalid_duration_is_refused(text: str) -> None:
    """A sign, space, exponent, unknown unit or non-ASCII digit is refused."""
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.0.0.0:0", "port 1..65535"),
        ("0.0.0.0:70000", "port 1..65535"),
        ("0.0.0.0:-1", "port 1..65535"),
        ("0.0.0.0", "port is missing"),
        (":7946", "host name"),
        ("::1:7946", "brackets"),
        ("::1", "brackets"),
        ("[::1]", "port is missing"),
        ("[::1]x:1", "after the closing bracket"),
        ("[::1:7946", "closing bracket is missing"),
        ("256.1.1.1:1", "IPv4"),
        ("a..b:1", "host name"),
        ("a b:1", "host name"),
        ("a\x00:1", "host name"),
        (" a:1", "white space"),
        ("a" * 254 + ":1", "host name"),
        ("-a:1", "host name"),
    ],
)
def test_an_invalid_address_is_refused(text: str, reason: str) -> None:
    """An invalid address is refused with the reason."""
    with pytest.raises(ValidationError, match=reason):
        TypeAdapter(BindAddress).validate_python(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("auto", "auto"),
        ("iface:eth0", "iface:eth0"),
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5:7946", "10.0.0.5:7946"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]", "fd00::1"),
        ("[FD00::1]:7946", "[fd00::1]:7946"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("Node-1.example.", "node-1.example"),
        ("node-1.example:1", "node-1.example:1"),
    ],
)
def test_an_advertised_address_may_leave_out_the_port(text: str, canonical: str) -> None:
    """``auto``, an interface, or an address that peers can reach is accepted."""
    assert TypeAdapter(Advertise).validate_python(text) == canonical


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "::", "[::]:7946", "0.0.0.0:7946", "iface:", "a b", "", "a:0", "a:b:c"]
)
def test_an_unreachable_address_is_not_advertised(text: str) -> None:
    """A wildcard or an invalid text is refused as an advertise address."""
    with pytest.raises(ValidationError):
        TypeAdapter(Advertise).validate_python(text)


@pytest.mark.parametrize("text", ["", "a", "node-1", "N.o_d-e", "a" * 50])
def test_node_ids_that_are_accepted(text: str) -> None:
    """A node id has up to 50 characters; an empty one is generated."""
    assert TypeAdapter(NodeId).validate_python(text) == text


@pytest.mark.parametrize("text", ["a" * 51, "-a", ".a", "_a", "a b", "a/b", "ü", "a\n", "a\x00"])
def test_node_ids_that_are_refused(text: str) -> None:
    """Text that does not fit into a metric, a file name or a gossip message is refused as a node id."""
    with pytest.raises(ValidationError, match="expected at most 50"):
        TypeAdapter(NodeId).validate_python(text)


@pytest.mark.parametrize("text", ["", "a" * 65, "a\n", "my cluster"])
def test_cluster_names_that_are_refused(text: str) -> None:
    """A cluster name has 1 to 64 plain characters."""
    with pytest.raises(ValidationError, match="expected 1 to 64"):
        TypeAdapter(ClusterName).validate_python(text)


@pytest.mark.parametrize("names", [[], "", ["dns", "dns"], ["DNS"], ["a b"], "dns,,dns", ["1"]])
def test_provider_names_that_are_refused(names: object) -> None:
    """At least one provider is required, each once, each with a plain name."""
    with pytest.raises(ValidationError, match="expected"):
        TypeAdapter(ProviderNames).validate_python(names)
