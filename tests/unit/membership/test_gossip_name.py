"""Gossip names: encoding and decoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery.membership.gossip_name import MAX_NODE_ID, gossip_name, parse_gossip_name

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", fullmatch=True)


@given(node_id=IDS, generation=st.integers(0, 2**44))
def test_a_name_gives_back_id_and_generation(node_id: str, generation: int) -> None:
    """Reading undoes naming, and every name fits the engine's 64 bytes."""
    name = gossip_name(node_id, generation)

    assert parse_gossip_name(name) == (node_id, generation)
    assert len(name.encode()) <= 64


@given(node_id=IDS, place=st.integers(0, 500), bit=st.integers(0, 7))
def test_a_flipped_bit_creates_no_node(node_id: str, place: int, bit: int) -> None:
    """A corrupted name fails its check, so that it never becomes a node."""
    name = bytearray(gossip_name(node_id, 1_795_422_971_885).encode())
    name[place % len(name)] ^= 1 << bit

    assert parse_gossip_name(name.decode("latin-1")) is None


@pytest.mark.parametrize("name", ["", "n1", "n1~", "n1~abc", "evil\n\x1b[31m~abcd1234", "~abcd1234"])
def test_a_name_of_another_program_is_not_read(name: str) -> None:
    """Names of other programs, hostile ones included, are rejected."""
    assert parse_gossip_name(name) is None


def test_an_id_that_is_too_long_is_refused() -> None:
    """The message has the limit."""
    with pytest.raises(ValueError, match=str(MAX_NODE_ID)):
        gossip_name("x" * 70, 1)
