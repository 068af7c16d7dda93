"""Looking up names without being held up by the C library."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from engram_discovery.errors import FailureKind, ResolutionError
from engram_discovery.network.address import Address
from engram_discovery.network.resolver import resolve


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Script what the operating system's resolver answers; only the edge to the C library is replaced."""
    return lambda answer: monkeypatch.setattr(socket, "getaddrinfo", answer)


def entry(family: socket.AddressFamily, *sockaddr: object) -> tuple[object, ...]:
    return (family, socket.SOCK_STREAM, 6, "", sockaddr)


async def test_every_address_is_returned_once_in_order(system: Any) -> None:
    """IPv4 and IPv6 are returned as the system prefers them; mapped IPv4 is not a second address."""
    system(
        lambda *_, **__: [
            entry(socket.AF_INET6, "2001:DB8::1", 7946, 0, 0),
            entry(socket.AF_INET, "192.0.2.1", 7946),
            entry(socket.AF_INET6, "::ffff:192.0.2.1", 7946, 0, 0),
            entry(socket.AF_INET6, "fe80::1%eth0", 7946, 0, 2),
        ]
    )

    found = await resolve("seed.example", 7946, timeout=50)

    assert found == (
        Address("2001:db8::1", 7946),
        Address("192.0.2.1", 7946),
        Address("fe80::1%eth0", 7946),
    )


async def test_the_real_resolver_answers() -> None:
    """``localhost`` is looked up by the system itself."""
    found = await resolve("localhost", 1, timeout=50, family=socket.AF_INET)

    assert found == (Address("127.0.0.1", 1),)


async def test_a_name_without_an_address_is_a_dns_failure() -> None:
    """The error names the name; ``.invalid`` never resolves (RFC 6761)."""
    with pytest.raises(ResolutionError, match=r"^nobody\.invalid: ") as caught:
        await resolve("nobody.invalid", 1, timeout=20)

    assert caught.value.kind is FailureKind.DNS_FAILURE


async def test_a_hanging_look_up_ends_at_the_deadline(system: Any) -> None:
    """The caller goes on at its deadline, and is told of a timeout."""
    go_on = threading.Event()
    system(lambda *_, **__: go_on.wait())

    with pytest.raises(ResolutionError, match=r"^slow\.example: no answer") as caught:
        await resolve("slow.example", 1, timeout=0.05)

    go_on.set()  # until here the look-up hung
    assert caught.value.kind is FailureKind.TIMEOUT


async def test_cancelling_is_immediate(system: Any) -> None:
    """A cancelled look-up does not wait for the C library."""
    go_on = threading.Event()
    system(lambda *_, **__: go_on.wait())
    task = asyncio.create_task(resolve("slow.example", 1, timeout=3600))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()  # until here the look-up hung


async def test_having_no_thread_left_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process at its limit of threads gets an error that can be retried, not a crash."""

    def refuse(_thread: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    with pytest.raises(ResolutionError, match=r"seed\.example: can't start") as caught:
        await resolve("seed.example", 1, timeout=50)

    assert caught.value.kind is FailureKind.UNAVAILABLE


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..b", "\udcff"])
async def test_what_is_no_name_is_a_dns_failure(name: Any) -> None:
    """A name that cannot even be encoded is an answer like any other."""
    with pytest.raises(ResolutionError) as caught:
        await resolve(name, 1, timeout=50)

    assert caught.value.kind is FailureKind.DNS_FAILURE


def test_a_hanging_look_up_does_not_hold_up_the_exit() -> None:
    """The interpreter ends while ``getaddrinfo`` still hangs."""
    program = """
import asyncio, socket, time
socket.getaddrinfo = lambda *_, **__: time.sleep(3600)
from engram_discovery.network.resolver import resolve
try:
    asyncio.run(resolve("slow.example", 1, timeout=0.05))
except Exception as error:
    print(error)
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True
    )

    assert done.stdout.startswith("slow.example: no answer")
    assert done.stderr == ""
