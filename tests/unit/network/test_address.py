"""Addresses as people write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery.network.address import (
    Address,
    canonical_host,
    format_address,
    is_loopback,
    parse_address,
)
from engram_discovery.types import Endpoint

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str).filter(lambda text: IPv6Address(text).ipv4_mapped is None),
    st.lists(LABEL, min_size=1, max_size=4).map(".".join),
)


@given(host=HOSTS, port=st.integers(1, 65535))
def test_parse_undoes_format(host: str, port: int) -> None:
    """Every address can be written and read back."""
    address = Address(host, port)

    assert parse_address(format_address(address)) == address


@given(st.text(max_size=60))
def test_anything_else_is_refused_in_words(text: str) -> None:
    """No text makes the parser do anything but parse or say why not."""
    try:
        address = parse_address(text)
    except ValueError as error:
        assert str(error).startswith(("expected", "an IPv6", "the host name"))  # noqa: PT017  either outcome is right
    else:
        assert parse_address(format_address(address)) == address


@given(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2,4}", fullmatch=True) | st.ip_addresses(v=4).map(str))
def test_four_numbers_are_an_address_exactly_where_python_says_so(text: str) -> None:
    """What is taken as a plain IPv4 address is one, in its one spelling; other numbers and dots are refused."""
    try:
        expected = str(IPv4Address(text))
    except ValueError:
        with pytest.raises(ValueError, match="four numbers"):
            canonical_host(text)
    else:
        assert canonical_host(text) == expected


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("node1:7946", "node1", 7946),
        ("Node1.Example.COM.:7946", "node1.example.com", 7946),
        ("[::1]:80", "::1", 80),
        ("[fe80::1%eth0]:7946", "fe80::1%eth0", 7946),
        ("[::ffff:10.0.0.1]:7946", "10.0.0.1", 7946),
        ("bücher.example:1", "xn--bcher-kva.example", 1),
    ],
)
def test_one_spelling_for_each_host(text: str, host: str, port: int) -> None:
    """Two ways to write one address give the same address."""
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["", " a:1", "a:1 ", "a", "a:", "a:0", "a:65536", "a:-1", "a:+1", "a:1e3", "a:\u0661", "::1", "::1:7946",
     "[::1]7946",
     "[::1", "[1.2.3.4]:1", "a..b:1", "-a:1", "a_b!:1", "1.2.3:1", "1.2.3.256:1", "x" * 254 + ":1", "a\x00b:1",
     "a:123456"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """Ports out of range, missing brackets, white space and bad names are errors."""
    with pytest.raises(ValueError, match=r"expected|brackets"):
        parse_address(text)


@pytest.mark.parametrize("text", ["a:1 b:2", "a:1;b:2", "a:1,b:2", "http://a:1", "http://10.0.0.1:8500/"])
def test_a_list_or_a_url_is_not_taken_for_ipv6(text: str) -> None:
    """What has two colons and is no IPv6 address gets no advice about brackets."""
    with pytest.raises(ValueError, match="no list and no URL"):
        parse_address(text)


def test_a_default_port_fills_in() -> None:
    """Without a port the default applies, also for IPv6 in brackets."""
    assert parse_address("node1", default_port=7946) == ("node1", 7946)
    assert parse_address("[::1]", default_port=7946) == ("::1", 7946)


def test_loopback_is_told_from_remote() -> None:
    """Names count as remote, except localhost."""
    assert [is_loopback(h) for h in ("127.0.0.9", "::1", "localhost", "10.0.0.1", "node1")] == [True] * 3 + [
        False
    ] * 2


def test_endpoints_are_equal_by_host_and_port() -> None:
    """What a source adds to an endpoint does not make it another peer."""
    assert Endpoint("A.example.", 1, source="dns") == Endpoint("a.example", 1, source="consul", node_id="x")
    assert str(Endpoint("::1", 1)) == "[::1]:1"
