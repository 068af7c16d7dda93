"""Gossip metadata: 512 bytes, and a count of what did not fit."""

from __future__ import annotations

import kinship
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery.membership import metadata
from engram_discovery.network.address import Address

SPACES = st.lists(
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=80)
)


@given(spaces=SPACES, zone=st.sampled_from([None, "eu-1", "z" * 60]))
def test_no_space_vanishes_silently(spaces: list[str], zone: str | None) -> None:
    """Omitted spaces are counted, the engine accepts the rest, and decoding returns what was encoded."""
    api = Address("fd00::1", 50051)

    meta = metadata.encode(api, zone, spaces)
    kinship.Config.local(bind="127.0.0.1:0", meta=meta)
    decoded = metadata.decode(meta)

    assert decoded.spaces == tuple(spaces[: len(decoded.spaces)])
    assert len(decoded.spaces) + decoded.spaces_omitted == len(spaces)
    assert (decoded.api_addr, decoded.zone) == (api, zone)


def test_a_few_spaces_all_fit() -> None:
    """The usual case loses nothing."""
    spaces = [f"space-{number}" for number in range(20)]

    decoded = metadata.decode(metadata.encode(Address("10.0.0.1", 50051), "eu-1", spaces))

    assert decoded.spaces == tuple(spaces)
    assert decoded.spaces_omitted == 0


@given(st.dictionaries(st.sampled_from(["api", "zone", "spaces", "more"]), st.text(max_size=50)))
def test_invalid_metadata_of_a_peer_is_ignored(meta: dict[str, str]) -> None:
    """Decoding never raises, whatever a peer sends."""
    decoded = metadata.decode(meta)

    assert decoded.spaces_omitted >= 0
