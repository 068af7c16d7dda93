"""Members that die, freeze or are cut off, and links that are slow or half open."""

import asyncio
import socket
import time

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.registration.registration import RegistrationState
from engram_discovery.runtime.clock import SystemClock
from plugins.etcd.tests.factories import (
    Log,
    discoverer,
    etcd_client,
    make_context,
    make_registration,
    make_source,
    raw_put,
    until_state,
    until_watching,
)
from tests.servers.etcd import Etcd
from tests.servers.process import free_port, wait_until
from tests.servers.toxiproxy import Toxiproxy

pytestmark = pytest.mark.server

PEER = b'{"Op":0,"Addr":"10.0.0.%d:7946"}'


async def test_the_first_that_answers_is_kept(etcd: Etcd) -> None:
    """One endpoint refuses, one is a black hole: the third answers soon, and only it is asked from then on."""
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        black_hole.setblocking(False)
        hole = f"127.0.0.1:{black_hole.getsockname()[1]}"
        async with discoverer(f"127.0.0.1:{free_port()}", hole, hole, etcd.endpoint) as source:
            started = time.monotonic()
            await source.discover()
            seconds = time.monotonic() - started
            black_hole.accept()[0].close()
            await source.discover()
            with pytest.raises(BlockingIOError):
                black_hole.accept()

    assert seconds < 3  # the head start of a black hole is 0.5 s


async def test_all_black_is_a_timeout_in_time() -> None:
    """Nobody answers at all: the call ends within its deadline, and leaves no task."""
    tasks = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        hole = f"127.0.0.1:{black_hole.getsockname()[1]}"
        async with discoverer(hole, context=make_context(timeout=1)) as source:
            with pytest.raises(DiscoveryError, match=r"no connection to .* within 0\.9 s") as failure:
                await source.discover()

    assert failure.value.kind is FailureKind.TIMEOUT
    assert asyncio.all_tasks() == tasks


async def test_two_seconds_of_latency_are_borne(etcd: Etcd, link: Toxiproxy) -> None:
    """Answers that take two seconds are slow, not failures; the watch stays up."""
    await link.afflict("latency", latency=2000)
    log = Log()
    source = make_source(log, link.addr)
    source.start()
    async with etcd_client(etcd.endpoint) as client:
        await until_watching(source, 0, within=25)
        await raw_put(client, ("/engram/c/n1", PEER % 1))
        await until_watching(source, 1)
        await asyncio.sleep(6)
        still = source.status().watching
    await source.aclose()

    assert still
    assert "discovery.watch_failed" not in log.events


@pytest.mark.timeout(120)
async def test_a_record_is_made_and_kept_over_a_slow_link(etcd: Etcd, link: Toxiproxy) -> None:
    """Two seconds for each answer: registered all the same, also where a crashed run left its key."""
    await etcd.ctl("put", "/engram/c/n1", '{"Op":0,"Addr":"10.0.0.1:1","Metadata":{"generation":0}}')
    await link.afflict("latency", latency=2000)
    registration = make_registration(link.addr, ttl=10)
    registration.start()

    async def renewed() -> bool:
        return registration.renewals >= 2

    await until_state(registration, RegistrationState.REGISTERED, 40)
    await wait_until(renewed, within=40, what="two renewals")
    repairs = registration.repairs
    await registration.aclose()

    assert repairs == {}
    assert "/engram/c/n1" not in await etcd.ctl("get", "/engram/c/n1")


async def test_a_half_open_connection_is_noticed(etcd: Etcd, link: Toxiproxy) -> None:
    """Bytes vanish both ways and nothing is closed: the watch moves to the other endpoint in five seconds."""
    source = make_source(Log(), link.addr, etcd.endpoint)
    source.start()
    async with etcd_client(etcd.endpoint) as client:
        await until_watching(source, 0)
        await raw_put(client, ("/engram/c/n0", PEER % 9))
        await until_watching(source, 1)

        await link.afflict("timeout", timeout=0)
        await link.afflict("timeout", stream="upstream", timeout=0)
        started = time.monotonic()
        await raw_put(client, ("/engram/c/n1", PEER % 1))
        await until_watching(source, 2)
        seen = time.monotonic() - started
    await source.aclose()

    print(f"change seen after {seen:.1f} s")
    assert seen < 9  # five on a machine with time to spare; HTTP/2 alone would take thirteen


async def test_a_half_open_connection_costs_no_lease(etcd: Etcd, link: Toxiproxy) -> None:
    """Bytes of the registration vanish both ways: it is renewed through the other endpoint, before the TTL ends."""
    registration = make_registration(link.addr, etcd.endpoint, ttl=9)
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)
    await link.afflict("timeout", timeout=0)
    await link.afflict("timeout", stream="upstream", timeout=0)
    before = registration.renewals

    async def renewed() -> bool:
        return registration.renewals >= before + 4  # the last one longer than the TTL after the fault

    await wait_until(renewed, within=40, what="four renewals")
    repairs = registration.repairs
    await registration.aclose()

    assert repairs == {}


NOT_GRPC = "it does not speak gRPC"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n<html>", NOT_GRPC),
        (b"\x00" * 100, NOT_GRPC),
        (b"SSH-2.0-x\r\n", NOT_GRPC),
        (b"", "it closes the connection"),
    ],
)
async def test_what_is_not_etcd_is_said_so(answer: bytes, text: str) -> None:
    """A web server, noise, another protocol, a closed door: named in time, each with what to look at."""

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with discoverer(f"127.0.0.1:{port}", context=make_context(timeout=4)) as source:
            with pytest.raises(DiscoveryError, match=f"127.0.0.1:{port}: {text}") as failure:
                await source.discover()

    assert failure.value.kind is FailureKind.UNAVAILABLE


async def test_a_frozen_etcd_gets_our_key_back(etcd: Etcd) -> None:
    """Frozen for longer than the TTL: the lease is dead when it thaws, and our key is back within two seconds."""
    registration = make_registration(etcd.endpoint, ttl=2)
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)

    etcd.pause()
    await until_state(registration, RegistrationState.LOST)
    etcd.resume()
    await until_state(registration, RegistrationState.REGISTERED)

    await registration.aclose()
    assert "/engram/c/n1" not in await etcd.ctl("get", "/engram/c/n1")


class JumpingClock(SystemClock):
    """The machine's clock, set forward at will."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def time(self) -> float:
        return super().time() + self.ahead


@pytest.mark.parametrize("seconds", [86_400.0, -86_400.0])
async def test_clocks_that_jump_lose_nothing(etcd: Etcd, seconds: float) -> None:
    """A day forward or back: the record stays, the watch tells of changes, and repairs go on."""
    clock, log = JumpingClock(), Log()
    source, registration = (
        make_source(log, etcd.endpoint, clock=clock),
        make_registration(etcd.endpoint, ttl=3, clock=clock),
    )
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)
    source.start()
    await until_watching(source, 1)

    async def renewed() -> bool:
        return registration.renewals >= before + 2

    clock.ahead = seconds
    await etcd.ctl("put", "/engram/c/n2", '{"Op":0,"Addr":"10.0.0.2:7946"}')
    await until_watching(source, 2)
    before = registration.renewals
    await wait_until(renewed, within=20, what="renewals after the jump")
    state, repairs = registration.state, registration.repairs
    await registration.aclose()
    await source.aclose()

    assert state is RegistrationState.REGISTERED
    assert repairs == {}
    assert "discovery.failed" not in log.events
