"""One connection to one member of etcd: a gRPC channel that was ready once, with the stubs over it.

A channel that failed is thrown away, not waited for: gRPC would try it again at times of its own choosing, while the
host's back-off rules here. A new one also reads the certificates anew.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # ships no types

from engram_discovery.provider import FailureKind, format_address, read_bounded
from engram_discovery_etcd.failures import EtcdError, connection_failure
from engram_discovery_etcd.services import Stubs

if TYPE_CHECKING:
    from pathlib import Path

    from engram_discovery_etcd.settings import EtcdSettings
    from engram_discovery_etcd.targets import Target

__all__ = ["LARGEST_MESSAGE", "Connection", "connect"]

#: Bytes that one answer may have.
LARGEST_MESSAGE = 8 * 1024 * 1024

_LAST_MOMENT = 0.02
_LARGEST_FILE = 1024 * 1024
_READY = grpc.ChannelConnectivity.READY
_FAILED = grpc.ChannelConnectivity.TRANSIENT_FAILURE

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.use_local_subchannel_pool", 1),  # else a new channel inherits the back-off of a failed one
    ("grpc.enable_http_proxy", 0),  # it would be taken from the environment
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    # A half-open connection is noticed while a call waits on it. etcd answers more than one ping in 5 s, or any
    # without a call, by closing the connection (--grpc-keepalive-min-time).
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
)


class Connection:
    """A channel to one address, closed when it is given up and its last user has left.

    Attributes:
        target: The endpoint, and which of its addresses.
        stubs: The services of etcd over it.
    """

    def __init__(self, target: Target, channel: Any) -> None:
        self.target = target
        self.stubs = Stubs.over(channel)
        self._channel = channel
        self._users = 0
        self._given_up = False

    @property
    def usable(self) -> bool:
        """Whether it is connected, as far as we know."""
        return not self._given_up and self._channel.get_state() is _READY

    def hold(self) -> None:
        """Keep it open until ``release``, whatever others think of it."""
        self._users += 1

    async def release(self) -> None:
        """End a ``hold``."""
        self._users -= 1
        await self._close_if_unused()

    async def give_up(self) -> None:
        """Stop using it; it is closed as soon as no call holds it."""
        self._given_up = True
        await self._close_if_unused()

    async def _close_if_unused(self) -> None:
        # closing cancels the calls on it in the tasks that await them: so never while one is under way
        if self._given_up and not self._users:
            await _close(self._channel)


async def connect(target: Target, settings: EtcdSettings) -> Connection:
    """Connect to one address. Has no deadline of its own: cancel it.

    Raises:
        EtcdError: No server answers, or its certificate does not match.
    """
    address = format_address(target.address)
    if settings.tls:
        credentials = await asyncio.to_thread(_credentials, settings)
        name = settings.server_name or target.name
        options = (*_OPTIONS, ("grpc.ssl_target_name_override", name)) if name else _OPTIONS
        channel = grpc.aio.secure_channel(address, credentials, options)
    else:
        options = (*_OPTIONS, ("grpc.default_authority", format_address(target.endpoint)))
        channel = grpc.aio.insecure_channel(address, options)
    try:
        await _until_ready(channel, tls=settings.tls)
    except BaseException:
        await _close(channel)
        raise
    return Connection(target, channel)


async def _close(channel: Any) -> None:
    await channel.close()
    # a cancelled call ends a moment after gRPC reports it, and logs an error if its event loop has ended by then
    await asyncio.sleep(_LAST_MOMENT)


async def _until_ready(channel: Any, *, tls: bool) -> None:
    state = channel.get_state(try_to_connect=True)
    while state is not _READY:
        if state is _FAILED:
            raise await _reason(channel, tls=tls)
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


async def _reason(channel: Any, *, tls: bool) -> EtcdError:
    """Return why a channel failed, by the error of a call on it, which fails without network I/O."""
    try:
        await channel.unary_unary("/etcdserverpb.Maintenance/Status")(b"", timeout=0.5)
    except grpc.aio.AioRpcError as error:
        return connection_failure(error.details() or "", tls=tls)
    return EtcdError("the connection failed, and came back", FailureKind.UNAVAILABLE, elsewhere=True)


def _credentials(settings: EtcdSettings) -> Any:
    """Read the certificates. Blocks for some small reads."""
    ca = _read(settings.ca_file, "ca_file")
    if ca is not None:
        _check(settings.ca_file, "ca_file", lambda context: context.load_verify_locations(settings.ca_file))
    if settings.cert_file is None or settings.key_file is None:
        return grpc.ssl_channel_credentials(ca)
    key, certificate = _read(settings.key_file, "key_file"), _read(settings.cert_file, "cert_file")
    cert_file, key_file = settings.cert_file, settings.key_file
    # gRPC takes anything and fails later without a word; an empty password keeps OpenSSL from asking on the terminal
    _check(cert_file, "cert_file", lambda context: context.load_cert_chain(cert_file, key_file, password=""))
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _read(path: Path | None, key: str) -> bytes | None:
    if path is None:
        return None
    try:
        return read_bounded(path, _LARGEST_FILE)[0]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise EtcdError(f"cluster.etcd.{key}: cannot read {path}: {reason}", FailureKind.CONFIG) from None


def _check(path: Path | None, key: str, load: Any) -> None:
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or "not a certificate with its key, in PEM"
        raise EtcdError(f"cluster.etcd.{key}: cannot use {path}: {reason}", FailureKind.TLS) from None
