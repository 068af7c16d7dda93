"""A node as key and value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery_etcd.records import decode, encode, folder, folder_end, generation_of, key_of
from plugins.etcd.tests.factories import make_node


def test_a_record_survives_the_round_trip() -> None:
    """What is written is read back."""
    value = encode(make_node(generation=7))

    endpoint = decode(b"/engram/c/n1", value, source="etcd")

    assert (str(endpoint), endpoint.node_id, generation_of(value)) == ("10.0.0.1:7946", "n1", 7)


def test_the_value_is_an_update_of_grpcs_resolver() -> None:
    """Go's ``naming`` package wants Op, Addr and Metadata, and ignores what else is there."""
    update = json.loads(encode(make_node()))

    assert list(update) == ["Op", "Addr", "Metadata"]
    assert (update["Op"], update["Addr"]) == (0, "10.0.0.1:7946")


def test_another_programs_record_is_enough() -> None:
    """Without metadata the key's last part is the id."""
    endpoint = decode(b"/engram/c/n9", b'{"Op":0,"Addr":"[2001:db8::9]:80","Metadata":null}', source="etcd")

    assert (str(endpoint), endpoint.node_id, dict(endpoint.meta)) == ("[2001:db8::9]:80", "n9", {})


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"Addr":7}',
        b'{"Addr":"10.0.0.1"}',
        b'{"Addr":"10.0.0.1:0"}',
        b'{"Addr":"a b:1"}',
        b"x" * 70_000,
    ],
)
def test_what_is_no_record_is_a_value_error(value: bytes) -> None:
    """Nothing else comes out, whatever somebody wrote."""
    with pytest.raises(ValueError, match=r"\w"):
        decode(b"/engram/c/n1", value, source="etcd")

    assert generation_of(value) is None


TEXT = st.text("0123456789abcx.:[]%€\x00 ", max_size=20)
UPDATES = st.fixed_dictionaries(
    {},
    optional={"Addr": TEXT | st.integers() | st.none(), "Metadata": st.dictionaries(TEXT, st.none() | TEXT)},
)


@given(st.binary(max_size=200) | UPDATES.map(lambda update: json.dumps(update).encode()))
def test_no_bytes_raise_anything_else(value: bytes) -> None:
    """Any bytes give an endpoint or a ValueError."""
    try:
        decode(b"/engram/c/n1", value, source="etcd")
    except ValueError:
        return


def test_a_folder_holds_its_cluster_and_no_other() -> None:
    """The end of the range is right after the last key that begins alike."""
    start = folder("/engram", "c")

    assert start <= key_of("/engram", "c", "zzz") < folder_end(start)
    assert not start <= key_of("/engram", "c2", "a") < folder_end(start)
    assert not start <= key_of("/engram", "d", "a") < folder_end(start)
