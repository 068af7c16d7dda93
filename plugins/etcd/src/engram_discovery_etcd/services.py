"""The calls of etcd's API that the provider makes, over one gRPC channel. Paths are those of etcd's ``rpc.proto``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from engram_discovery_etcd import messages as m

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from engram_discovery_etcd.schema import Message

__all__ = ["Stubs", "Unary"]

Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)


class Unary(Protocol[Q_contra, A_co]):
    """A call with one question and one answer."""

    def __call__(self, request: Q_contra, /, *, timeout: float, metadata: Any = None) -> Awaitable[A_co]:
        """Ask. Raises ``grpc.aio.AioRpcError`` for a status other than OK."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stubs:
    """The calls. ``lease_keep_alive`` and ``watch`` are streams, which take no request and return gRPC's call."""

    range: Unary[m.RangeRequest, m.RangeResponse]
    txn: Unary[m.TxnRequest, m.TxnResponse]
    lease_grant: Unary[m.LeaseGrantRequest, m.LeaseGrantResponse]
    lease_revoke: Unary[m.LeaseRevokeRequest, m.LeaseRevokeResponse]
    lease_time_to_live: Unary[m.LeaseTimeToLiveRequest, m.LeaseTimeToLiveResponse]
    authenticate: Unary[m.AuthenticateRequest, m.AuthenticateResponse]
    lease_keep_alive: Any
    watch: Any

    @classmethod
    def over(cls, channel: Any) -> Stubs:
        """Make them over a channel of ``grpc.aio``."""
        one, many = channel.unary_unary, channel.stream_stream
        return cls(
            range=_call(one, "KV/Range", m.RangeRequest, m.RangeResponse),
            txn=_call(one, "KV/Txn", m.TxnRequest, m.TxnResponse),
            lease_grant=_call(one, "Lease/LeaseGrant", m.LeaseGrantRequest, m.LeaseGrantResponse),
            lease_revoke=_call(one, "Lease/LeaseRevoke", m.LeaseRevokeRequest, m.LeaseRevokeResponse),
            lease_time_to_live=_call(
                one, "Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest, m.LeaseTimeToLiveResponse
            ),
            authenticate=_call(one, "Auth/Authenticate", m.AuthenticateRequest, m.AuthenticateResponse),
            lease_keep_alive=_call(
                many, "Lease/LeaseKeepAlive", m.LeaseKeepAliveRequest, m.LeaseKeepAliveResponse
            ),
            watch=_call(many, "Watch/Watch", m.WatchRequest, m.WatchResponse),
        )


def _call(make: Any, method: str, request: type[Message], response: type[Message]) -> Any:
    return make(
        f"/etcdserverpb.{method}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
