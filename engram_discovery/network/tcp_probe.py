"""Find out why an endpoint cannot be joined.

The engine only says "no seed answered", whether the port is closed, the key is wrong or the cluster is another one.
A TCP connection of our own tells refused, unreachable and silent from "listens, but not with our name and key".
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

from engram_discovery.types import JoinOutcome

if TYPE_CHECKING:
    from engram_discovery.network.address import Address

__all__ = ["probe_tcp"]


async def probe_tcp(address: Address, timeout: float) -> tuple[JoinOutcome, str] | None:
    """Open and close a TCP connection.

    Returns:
        None if somebody listens, else the outcome and the reason in words. Takes ``timeout`` seconds at the most.
    """
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return JoinOutcome.SILENT, f"no answer within {timeout:.1f} s"
    except ConnectionRefusedError:
        return JoinOutcome.REFUSED, "nothing listens on this port"
    except OSError as error:
        return JoinOutcome.UNREACHABLE, errno.errorcode.get(error.errno or 0, type(error).__name__)
    transport = writer.transport
    transport.abort()
    return None
