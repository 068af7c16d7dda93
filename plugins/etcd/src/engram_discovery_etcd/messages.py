"""The messages of etcd's API that the provider sends and reads, with those of their fields that it uses.

Source: ``api/etcdserverpb/rpc.proto`` and ``api/mvccpb/kv.proto`` of etcd 3.6. The numbers have been the same since 3.0
(``fragment`` came with 3.4) and do not change. A field that is needed is added here, with its number.
"""

from collections.abc import Sequence
from typing import Annotated

from engram_discovery_etcd.schema import Message, Oneof, Unsigned, message

__all__ = [
    "COMPARE_EQUAL",
    "COMPARE_MOD",
    "EVENT_DELETE",
    "AuthenticateRequest",
    "AuthenticateResponse",
    "Compare",
    "Event",
    "KeyValue",
    "LeaseGrantRequest",
    "LeaseGrantResponse",
    "LeaseKeepAliveRequest",
    "LeaseKeepAliveResponse",
    "LeaseRevokeRequest",
    "LeaseRevokeResponse",
    "LeaseTimeToLiveRequest",
    "LeaseTimeToLiveResponse",
    "PutRequest",
    "RangeRequest",
    "RangeResponse",
    "RequestOp",
    "ResponseHeader",
    "ResponseOp",
    "TxnRequest",
    "TxnResponse",
    "WatchCreateRequest",
    "WatchProgressRequest",
    "WatchRequest",
    "WatchResponse",
]

COMPARE_EQUAL = 0
"""``Compare.result``: the key has just this value."""

COMPARE_MOD = 2
"""``Compare.target``: the key's last modification."""

EVENT_DELETE = 1
"""``Event.type`` of a key that is gone; 0 is one that was put."""


@message
class ResponseHeader(Message):
    """Which cluster answered, and how far its history went then."""

    cluster_id: Annotated[int, 1, Unsigned] = 0
    revision: Annotated[int, 3] = 0
    raft_term: Annotated[int, 4, Unsigned] = 0


@message
class KeyValue(Message):
    """A key, its value, the lease under it, and the revision of its last modification.

    It has all fields of etcd's: protobuf compares two pairs slowly if they carry fields that are not declared.
    """

    key: Annotated[bytes, 1] = b""
    create_revision: Annotated[int, 2] = 0
    mod_revision: Annotated[int, 3] = 0
    version: Annotated[int, 4] = 0
    value: Annotated[bytes, 5] = b""
    lease: Annotated[int, 6] = 0


@message
class Event(Message):
    """What happened to a key."""

    type: Annotated[int, 1] = 0
    kv: Annotated[KeyValue, 2] = KeyValue()


@message
class RangeRequest(Message):
    """``KV/Range``: the key, or all from it up to ``range_end``; as of a revision, or linearizable if that is 0."""

    key: Annotated[bytes, 1] = b""
    range_end: Annotated[bytes, 2] = b""
    limit: Annotated[int, 3] = 0
    revision: Annotated[int, 4] = 0


@message
class RangeResponse(Message):
    """The keys in order; ``more`` if the limit left some out."""

    header: Annotated[ResponseHeader, 1] = ResponseHeader()
    kvs: Annotated[Sequence[KeyValue], 2] = ()
    more: Annotated[bool, 3] = False


@message
class PutRequest(Message):
    """Write a key, under a lease."""

    key: Annotated[bytes, 1] = b""
    value: Annotated[bytes, 2] = b""
    lease: Annotated[int, 3] = 0


@message
class Compare(Message):
    """A condition of a transaction."""

    result: Annotated[int, 1] = 0
    target: Annotated[int, 2] = 0
    key: Annotated[bytes, 3] = b""
    mod_revision: Annotated[int, 6, Oneof("target_union")] = 0


@message
class RequestOp(Message):
    """A step of a transaction."""

    request_range: Annotated[RangeRequest, 1, Oneof("request")] = RangeRequest()
    request_put: Annotated[PutRequest, 2, Oneof("request")] = PutRequest()


@message
class ResponseOp(Message):
    """What a step gave."""

    response_range: Annotated[RangeResponse, 1, Oneof("response")] = RangeResponse()


@message
class TxnRequest(Message):
    """``KV/Txn``: if all conditions hold the steps of ``success``, else those of ``failure``."""

    compare: Annotated[Sequence[Compare], 1] = ()
    success: Annotated[Sequence[RequestOp], 2] = ()
    failure: Annotated[Sequence[RequestOp], 3] = ()


@message
class TxnResponse(Message):
    """Whether the conditions held, and what each step gave."""

    header: Annotated[ResponseHeader, 1] = ResponseHeader()
    succeeded: Annotated[bool, 2] = False
    responses: Annotated[Sequence[ResponseOp], 3] = ()


@message
class WatchCreateRequest(Message):
    """Watch a key, or all from it up to ``range_end``, from a revision on."""

    key: Annotated[bytes, 1] = b""
    range_end: Annotated[bytes, 2] = b""
    start_revision: Annotated[int, 3] = 0
    progress_notify: Annotated[bool, 4] = False
    fragment: Annotated[bool, 8] = False


@message
class WatchProgressRequest(Message):
    """Request the revision up to which the stream has delivered."""


@message
class WatchRequest(Message):
    """``Watch/Watch``: what goes up the stream."""

    create_request: Annotated[WatchCreateRequest, 1, Oneof("request_union")] = WatchCreateRequest()
    progress_request: Annotated[WatchProgressRequest, 3, Oneof("request_union")] = WatchProgressRequest()


@message
class WatchResponse(Message):
    """What comes down the stream; ``fragment`` if the events of one revision go on in the next."""

    header: Annotated[ResponseHeader, 1] = ResponseHeader()
    canceled: Annotated[bool, 4] = False
    compact_revision: Annotated[int, 5] = 0
    cancel_reason: Annotated[str, 6] = ""
    fragment: Annotated[bool, 7] = False
    events: Annotated[Sequence[Event], 11] = ()


@message
class LeaseGrantRequest(Message):
    """``Lease/LeaseGrant``: seconds to live."""

    TTL: Annotated[int, 1] = 0


@message
class LeaseGrantResponse(Message):
    """The lease, and the seconds that etcd gives it."""

    ID: Annotated[int, 2] = 0
    TTL: Annotated[int, 3] = 0


@message
class LeaseRevokeRequest(Message):
    """``Lease/LeaseRevoke``: end a lease, and the keys under it."""

    ID: Annotated[int, 1] = 0


@message
class LeaseRevokeResponse(Message):
    """The lease is gone."""


@message
class LeaseKeepAliveRequest(Message):
    """``Lease/LeaseKeepAlive``: start the time of a lease again."""

    ID: Annotated[int, 1] = 0


@message
class LeaseKeepAliveResponse(Message):
    """The seconds that the lease has from now on; 0 if it is gone."""

    TTL: Annotated[int, 3] = 0


@message
class LeaseTimeToLiveRequest(Message):
    """``Lease/LeaseTimeToLive``: how long a lease has left."""

    ID: Annotated[int, 1] = 0


@message
class LeaseTimeToLiveResponse(Message):
    """The seconds that a lease has left; -1 if it is gone."""

    TTL: Annotated[int, 3] = 0


@message
class AuthenticateRequest(Message):
    """``Auth/Authenticate``: user and password for a token."""

    name: Annotated[str, 1] = ""
    password: Annotated[str, 2] = ""


@message
class AuthenticateResponse(Message):
    """The token."""

    token: Annotated[str, 2] = ""
