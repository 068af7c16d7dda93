"""Errors of calls to Consul, as the host's failure kinds, with the remedy where there is one."""

from __future__ import annotations

import os
import re
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp

from engram_discovery.provider import DiscoveryError, FailureKind, RegistrationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ConsulError", "refused", "translated", "unreachable"]

MAX_QUOTE_LENGTH = 300
_HUMAN_NEEDED = frozenset(
    {FailureKind.UNAUTHORIZED, FailureKind.FORBIDDEN, FailureKind.CONFIG, FailureKind.TLS}
)
_STATUSES = {
    400: FailureKind.CONFIG,
    401: FailureKind.UNAUTHORIZED,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_FOUND,
    429: FailureKind.RATE_LIMITED,
}
_ENTERPRISE_ONLY = re.compile(r"X-Consul-(Namespace|Partition)\" - \w+ are a Consul Enterprise feature")
_MISSING_PERMISSION = re.compile(r"lacks permission '(\w+):(\w+)' on \"([^\"]*)\"")


class ConsulError(Exception):
    """A call to Consul failed.

    Attributes:
        kind: What went wrong.
        retry_after: Seconds that Consul asked us to wait, if it did.
    """

    def __init__(self, message: str, kind: FailureKind, retry_after: float | None = None) -> None:
        self.kind = kind
        self.retry_after = retry_after
        super().__init__(message)


@contextmanager
def translated(into: type[DiscoveryError | RegistrationError]) -> Iterator[None]:
    """Raise a ``ConsulError`` of the block as the host's error.

    Raises:
        DiscoveryError: If asked for; or
        RegistrationError: if asked for.
    """
    try:
        yield
    except ConsulError as error:
        raise into(
            str(error),
            kind=error.kind,
            retryable=error.kind not in _HUMAN_NEEDED,
            retry_after=error.retry_after,
        ) from error


def refused(status: int, text: str, headers: Mapping[str, str]) -> ConsulError:
    """Return the error for a status other than 200.

    Args:
        status: HTTP status.
        text: The body, without secrets.
        headers: Of the answer.
    """
    text = quote(text)
    kind = _STATUSES.get(status, FailureKind.UNAVAILABLE if status >= 500 else FailureKind.BAD_DATA)
    if status == 403:
        return _denied(text)
    message = f"{status}: {text}" if text else f"status {status}"
    return ConsulError(f"{message}{_remedy(text)}", kind, _retry_after(headers))


def unreachable(error: aiohttp.ClientError | OSError) -> ConsulError:
    """Return the error for a connection that failed or broke."""
    tls = _tls_error(error)
    if tls is not None:
        return ConsulError(f"TLS: {_tls_reason(tls)}", FailureKind.TLS)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ConsulError(f"{error.os_error.strerror or 'unknown host'}", FailureKind.DNS_FAILURE)
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = os.strerror(error.os_error.errno) if error.os_error.errno else "connection failed"
        return ConsulError(reason.lower(), FailureKind.REFUSED)
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return ConsulError("the agent closed the connection", FailureKind.UNAVAILABLE)
    if isinstance(error, aiohttp.ClientPayloadError):
        return ConsulError("the answer was cut short", FailureKind.BAD_DATA)
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return ConsulError(f"connection lost ({type(error).__name__})", FailureKind.UNAVAILABLE)
    return ConsulError(f"not an HTTP answer ({type(error).__name__})", FailureKind.BAD_DATA)


def quote(text: str) -> str:
    """Return the first line of a server's text, printable and bounded."""
    line = text.strip().partition("\n")[0][:MAX_QUOTE_LENGTH]
    return "".join(character if character.isprintable() else "?" for character in line)


def _remedy(text: str) -> str:
    """Return the setting that the community edition does not support."""
    refused_header = _ENTERPRISE_ONLY.search(text)
    return f"; remove cluster.consul.{refused_header[1].lower()}" if refused_header else ""


def _denied(text: str) -> ConsulError:
    if "ACL not found" in text:
        return ConsulError(
            "403: ACL not found: the token was deleted, has expired or is another cluster's; "
            "put a valid one into cluster.consul.token_file",
            FailureKind.UNAUTHORIZED,
        )
    missing = _MISSING_PERMISSION.search(text)
    remedy = ""
    if missing:
        resource, access, name = missing.groups()
        remedy = f'; the token\'s policy needs: {resource} "{name}" {{ policy = "{access}" }}'
    return ConsulError(f"403: {text}{remedy}", FailureKind.FORBIDDEN)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Find the TLS error inside aiohttp's, which inherit from it without being one."""
    if isinstance(error, aiohttp.ClientError):
        inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        return _tls_error(inner or error.__cause__)
    return error if isinstance(error, ssl.SSLError) else None


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the agent's certificate is refused: {error.verify_message}"
    reason = (error.reason or "handshake failed").lower().replace("_", " ")
    if "alert" in reason and ("certificate" in reason or "unknown ca" in reason):
        return f"the agent refuses our certificate ({reason}); see cluster.consul.cert_file"
    if "wrong version number" in reason or "record layer failure" in reason:
        return f"{reason}: the agent does not speak TLS at this port"
    return reason
