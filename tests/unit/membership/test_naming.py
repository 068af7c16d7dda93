"""Gossip names and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery.membership.naming import MAX_NODE_ID, gossip_name, read_name

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,53}", fullmatch=True)


@given(node_id=IDS, generation=st.integers(0, 2**44))
def test_a_name_gives_back_id_and_generation(node_id: str, generation: int) -> None:
    """Reading undoes naming, and every name fits the engine's 64 bytes."""
    name = gossip_name(node_id, generation)

    assert read_name(name) == (node_id, generation)
    assert len(name.encode()) <= 64


def test_a_name_of_somebody_else_is_made_printable() -> None:
    """A peer that is not of our making cannot put control characters into our logs."""
    assert read_name("evil\n\x1b[31m") == ("evil\\n\\x1b[31m", 0)


def test_an_id_that_is_too_long_is_refused() -> None:
    """The message says how long it may be."""
    with pytest.raises(ValueError, match=str(MAX_NODE_ID)):
        gossip_name("x" * 70, 1)
