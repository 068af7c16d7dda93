"""Probe a TCP port, to find out why an endpoint cannot be joined.

The engine reports only "no seed answered", whether the port is closed, the key differs or the cluster name differs. A
TCP connection distinguishes refused, unreachable and silent from a peer that rejects the handshake.
"""

from __future__ import annotations

import asyncio
import errno
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engram_discovery.network.address import Address

__all__ = ["ProbeFailure", "ProbeOutcome", "probe_tcp"]


class ProbeOutcome(StrEnum):
    """Why a TCP connection was not established."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"


class ProbeFailure(NamedTuple):
    """A failed probe: the outcome, and the reason in words."""

    outcome: ProbeOutcome
    reason: str


async def probe_tcp(address: Address, timeout: float) -> ProbeFailure | None:
    """Open and close a TCP connection, within ``timeout`` seconds.

    Returns:
        None if the port accepts connections, else why it does not.
    """
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return ProbeFailure(ProbeOutcome.SILENT, f"no answer within {timeout:.1f} s")
    except ConnectionRefusedError:
        return ProbeFailure(ProbeOutcome.REFUSED, "nothing listens on this port")
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return ProbeFailure(ProbeOutcome.UNREACHABLE, reason)
    writer.transport.abort()
    return None
