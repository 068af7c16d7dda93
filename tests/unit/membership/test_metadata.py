"""What fits into 512 bytes, and what is said of the rest."""

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
    """Whatever does not fit is counted, the engine accepts the rest, and reading gives back what was written."""
    api = Address("fd00::1", 50051)

    meta = metadata.encode(api, zone, spaces)
    kinship.Config.local(bind="127.0.0.1:0", meta=meta)
    told = metadata.decode(meta)

    assert told.spaces == tuple(spaces[: len(told.spaces)])
    assert len(told.spaces) + told.spaces_omitted == len(spaces)
    assert (told.api_addr, told.zone) == (api, zone)


def test_a_few_spaces_all_fit() -> None:
    """The usual case loses nothing."""
    spaces = [f"space-{number}" for number in range(20)]

    told = metadata.decode(metadata.encode(Address("10.0.0.1", 50051), "eu-1", spaces))

    assert told.spaces == tuple(spaces)
    assert told.spaces_omitted == 0


@given(st.dictionaries(st.sampled_from(["api", "zone", "spaces", "more"]), st.text(max_size=50)))
def test_a_peers_nonsense_does_not_hurt(meta: dict[str, str]) -> None:
    """Anything at all in a peer's metadata can be read."""
    told = metadata.decode(meta)

    assert told.spaces_omitted >= 0
