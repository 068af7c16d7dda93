"""Resolve a host name to all its addresses without blocking on the C library."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from engram_discovery._text import error_text
from engram_discovery.errors import FailureKind, ResolutionError
from engram_discovery.network.address import Address, canonical_host
from engram_discovery.runtime.daemon_threads import start_daemon_thread

__all__ = ["resolve"]


async def resolve(
    host: str, port: int, *, timeout: float, family: socket.AddressFamily = socket.AF_UNSPEC
) -> tuple[Address, ...]:
    """Return all addresses of ``host``, each once, in the order that the system prefers (RFC 6724).

    ``getaddrinfo`` can hang for longer than any deadline and cannot be cancelled. It runs on a daemon thread
    of its own: past the deadline, or when cancelled, that thread is left to end by itself, and neither the
    event loop nor the exit of the interpreter waits for it.

    Args:
        host: A name or an IP address.
        port: The port of the addresses returned.
        timeout: Seconds to wait.
        family: ``AF_INET`` or ``AF_INET6`` for only one kind of address.

    Raises:
        ResolutionError: The name has no address (``dns_failure``), there was no answer in time (``timeout``),
            or no thread could be started (``unavailable``). The message holds the name.
    """
    look_up = partial(socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
    try:
        async with asyncio.timeout(timeout):
            found = await asyncio.wrap_future(start_daemon_thread(look_up, name=f"engram-resolve {host}"))
    except TimeoutError:
        raise ResolutionError(
            f"{host}: no answer from the resolver in {timeout:g} s", kind=FailureKind.TIMEOUT
        ) from None
    except (OSError, UnicodeError) as error:
        raise ResolutionError(f"{host}: {error_text(error)}", kind=FailureKind.DNS_FAILURE) from error
    except RuntimeError as error:
        raise ResolutionError(f"{host}: {error}", kind=FailureKind.UNAVAILABLE) from error
    return tuple(dict.fromkeys(Address(_host(sockaddr), port) for *_, sockaddr in found))


def _host(sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    return canonical_host(str(sockaddr[0]))
