"""What can go wrong with etcd, in the vocabulary of the host. gRPC's exceptions end here."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import grpc  # type: ignore[import-untyped]  # ships no types

from engram_discovery.provider import DiscoveryError, FailureKind, RegistrationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "EtcdError",
    "all_failed",
    "connection_failure",
    "printable",
    "reported_as",
    "translate",
    "watch_ended",
]

E = TypeVar("E", DiscoveryError, RegistrationError)

_LONGEST = 200


class EtcdError(Exception):
    """A call to etcd failed.

    Attributes:
        kind: What went wrong.
        retryable: False when only a human can mend it.
        elsewhere: Whether another endpoint may do better.
        token_refused: Whether a new token may help.
        too_large: Whether asking for less may help.
        header: The header of an answer from before what we know; see ``history``.
        retry_after: Seconds after which it is worth another try, if that is known.
    """

    def __init__(
        self,
        message: str,
        kind: FailureKind,
        *,
        retryable: bool = True,
        elsewhere: bool = False,
        token_refused: bool = False,
        too_large: bool = False,
        header: Any = None,
        retry_after: float | None = None,
    ) -> None:
        self.kind = kind
        self.retryable = retryable
        self.elsewhere = elsewhere
        self.token_refused = token_refused
        self.too_large = too_large
        self.header = header
        self.retry_after = retry_after
        super().__init__(message)


#: Errors of etcd (``api/v3rpc/rpctypes``), and the failure kind of each.
_SAYINGS: tuple[tuple[str, FailureKind, str, dict[str, bool]], ...] = (
    (
        "invalid auth token",
        FailureKind.UNAUTHORIZED,
        "etcd no longer knows our token",
        {"token_refused": True},
    ),
    (
        "revision of auth store is old",
        FailureKind.UNAUTHORIZED,
        "our token is outdated",
        {"token_refused": True},
    ),
    (
        "user name is empty",
        FailureKind.UNAUTHORIZED,
        "etcd asks for a user: set cluster.etcd.user and cluster.etcd.password",
        {"token_refused": True, "retryable": False},
    ),
    (
        "authentication failed",
        FailureKind.UNAUTHORIZED,
        "etcd refuses user or password: see cluster.etcd.user and cluster.etcd.password",
        {"retryable": False},
    ),
    (
        "permission denied",
        FailureKind.FORBIDDEN,
        "permission denied: the user's role must allow reading and writing cluster.etcd.prefix",
        {"retryable": False},
    ),
    ("requested lease not found", FailureKind.NOT_FOUND, "the lease is gone", {}),
    (
        "database space exceeded",
        FailureKind.UNAVAILABLE,
        "etcd is full (alarm NOSPACE): it takes no writes until an operator makes room",
        {},
    ),
    ("has been compacted", FailureKind.UNAVAILABLE, "etcd has compacted that revision", {}),
    ("message larger than max", FailureKind.BAD_DATA, "more than one message may hold", {"too_large": True}),
    ("too many requests", FailureKind.RATE_LIMITED, "etcd is overloaded", {"elsewhere": True}),
    ("no leader", FailureKind.UNAVAILABLE, "this member sees no leader", {"elsewhere": True}),
)

_BY_CODE = {
    grpc.StatusCode.DEADLINE_EXCEEDED: FailureKind.TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: FailureKind.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: FailureKind.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN: FailureKind.UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED: FailureKind.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: FailureKind.FORBIDDEN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: FailureKind.RATE_LIMITED,
}

#: gRPC's texts for a connection that failed, and the failure kind of each.
_CONNECTING: tuple[tuple[str, FailureKind, str], ...] = (
    (
        "CERTIFICATE_VERIFY_FAILED: certificate has expired",
        FailureKind.TLS,
        "its certificate has expired",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        FailureKind.TLS,
        "its certificate is not signed by an authority of cluster.etcd.ca_file",
    ),
    (
        "Hostname Verification Check failed",
        FailureKind.TLS,
        "its certificate bears another name: see cluster.etcd.server_name",
    ),
    (
        "TSI_DATA_CORRUPTED",
        FailureKind.TLS,
        "it refuses our certificate, or wants one: see cluster.etcd.cert_file and cluster.etcd.key_file",
    ),
    ("Connection refused", FailureKind.REFUSED, "connection refused"),
    (
        "Failed parsing HTTP/2",
        FailureKind.UNAVAILABLE,
        "it does not speak gRPC: is that etcd's port for clients?",
    ),
)


def translate(error: grpc.aio.AioRpcError) -> EtcdError:
    """Return the error for a status other than OK."""
    details = error.details() or ""
    return _said(details) or EtcdError(
        printable(details) or error.code().name.lower(),
        _BY_CODE.get(error.code(), FailureKind.BAD_DATA),
        elsewhere=True,
    )


def watch_ended(reason: str) -> EtcdError:
    """Return the error for etcd's reason to cancel a watch."""
    return _said(reason) or EtcdError(
        f"etcd ended the watch: {printable(reason) or 'no reason given'}", FailureKind.UNAVAILABLE
    )


def _said(text: str) -> EtcdError | None:
    for saying, kind, meaning, flags in _SAYINGS:
        if saying in text:
            return EtcdError(meaning, kind, **flags)
    return None


def connection_failure(details: str, *, tls: bool) -> EtcdError:
    """Return the error for a connection that failed, encrypted or not."""
    for saying, kind, meaning in _CONNECTING:
        if saying in details:
            return EtcdError(meaning, kind, elsewhere=True)
    if "Socket closed" in details or "Connection reset" in details:
        other = "it may not speak TLS: try http://" if tls else "it may want TLS: try https://"
        return EtcdError(
            f"it closes the connection; {other} in cluster.etcd.endpoints",
            FailureKind.UNAVAILABLE,
            elsewhere=True,
        )
    return EtcdError(printable(details), FailureKind.UNAVAILABLE, elsewhere=True)


def all_failed(failures: dict[str, EtcdError], *, retry_after: float | None = None) -> EtcdError:
    """Make one failure of those of several endpoints."""
    text = "; ".join(f"{endpoint}: {error}" for endpoint, error in failures.items())
    last = list(failures.values())[-1]
    retryable = any(error.retryable for error in failures.values())
    return EtcdError(text, last.kind, retryable=retryable, retry_after=retry_after)


def printable(text: str) -> str:
    """Return a server's text, printable and bounded."""
    return "".join(character if character.isprintable() else "?" for character in text[:_LONGEST])


@contextmanager
def reported_as(kind_of_error: type[E]) -> Iterator[None]:
    """Raise the host's error where ours is raised."""
    try:
        yield
    except EtcdError as error:
        raise kind_of_error(
            str(error), kind=error.kind, retryable=error.retryable, retry_after=error.retry_after
        ) from None
