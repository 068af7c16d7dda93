"""Messages of our own: protobuf's format, and out of the way of other clients of etcd."""

from __future__ import annotations

import subprocess
import sys

import pytest
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError

from engram_discovery_etcd import messages as m

#: etcd's API as another client brings it, by etcd's names: registered before ours or after, it must be taken.
OTHER_CLIENT = """
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default

for package, name in (("etcdserverpb", "RangeRequest"), ("etcdserverpb", "WatchResponse"), ("mvccpb", "KeyValue")):
    file = FileDescriptorProto(name=f"{package}/{name}.proto", package=package, syntax="proto3")
    file.message_type.add(name=name)
    Default().AddSerializedFile(file.SerializeToString())
"""
OURS = "\nimport engram_discovery_etcd.client, engram_discovery_etcd.registrar, engram_discovery_etcd.discoverer\n"


@pytest.mark.parametrize("program", [OTHER_CLIENT + OURS, OURS + OTHER_CLIENT], ids=["after", "before"])
def test_another_client_of_etcd_may_be_in_the_process(program: str) -> None:
    """Protobuf takes its messages, whichever client is imported first."""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_nothing_of_ours_is_in_the_default_pool() -> None:
    """No name of ours, and none of etcd's, is taken in the pool that a process has in common."""
    full_name = m.RangeRequest.DESCRIPTOR.full_name  # type: ignore[attr-defined]  # protobuf's class has it

    for name in (full_name, "etcdserverpb.RangeRequest", "mvccpb.KeyValue"):
        with pytest.raises(KeyError):
            Default().FindMessageTypeByName(name)


def test_fields_that_are_not_declared_are_passed_over() -> None:
    """A newer etcd may say more: here ``count`` of a range (4), and a field of a future version (99, a message)."""
    answer = m.RangeResponse(header=m.ResponseHeader(revision=7), kvs=[m.KeyValue(key=b"k")], more=True)
    newer = b"\x20\x05" + answer.SerializeToString() + b"\x9a\x06\x03abc"

    read = m.RangeResponse.FromString(newer)

    assert (read.header.revision, [pair.key for pair in read.kvs], read.more) == (7, [b"k"], True)


def test_a_value_of_an_enumeration_may_be_new() -> None:
    """An event of a kind that we do not know is neither refused nor taken for another."""
    event = m.Event.FromString(b"\x08\x09")

    assert event.type == 9


def test_what_is_not_set_reads_as_zero() -> None:
    """As protobuf has it, for messages within messages, too."""
    empty = m.WatchResponse.FromString(b"")

    assert (empty.header.revision, empty.canceled, empty.cancel_reason, list(empty.events)) == (
        0,
        False,
        "",
        [],
    )


def test_integers_have_the_range_of_etcds() -> None:
    """Cluster ids use all 64 bits without a sign, leases 63 with one."""
    header = m.ResponseHeader(cluster_id=2**64 - 1, revision=-1, raft_term=2**63)

    assert m.ResponseHeader.FromString(header.SerializeToString()) == header


def test_a_revision_of_zero_is_sent_in_a_comparison() -> None:
    """A member of a ``oneof`` is sent though it is zero: here, that a key is not there yet."""
    compare = m.Compare(target=m.COMPARE_MOD, key=b"k", mod_revision=0)

    assert compare.SerializeToString() == b"\x10\x02\x1a\x01k\x30\x00"


def test_one_step_of_a_transaction_is_one_thing() -> None:
    """The last one set of a ``oneof`` stays, as protobuf has it."""
    step = m.RequestOp(request_range=m.RangeRequest(key=b"a"), request_put=m.PutRequest(key=b"b"))

    assert (step.request_range.key, step.request_put.key) == (b"", b"b")


def test_bytes_that_are_no_message_are_refused() -> None:
    """GRPC makes a status of this error."""
    with pytest.raises(DecodeError):
        m.RangeResponse.FromString(b"\xff\xff")
