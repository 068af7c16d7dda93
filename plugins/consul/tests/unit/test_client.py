"""Answers that no real Consul gives, and the limits that hold against them."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
from contextlib import aclosing

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.network.address import Address
from engram_discovery.settings.field_types import Secret
from engram_discovery.testing import FakeClock
from engram_discovery.types import Empty, Found
from engram_discovery_consul import pinning
from plugins.consul.tests.factories import Maker, record
from plugins.consul.tests.loop_lag import cpu_seconds, loop_lag
from plugins.consul.tests.scripted import Agent, Script, answer, entry, scripted
from tests.servers.process import wait_until


def saying(data: bytes) -> Script:
    return lambda _, writer: writer.write(data)


async def failure_of(script: Script, **options: object) -> DiscoveryError:
    async with scripted(script) as agent, Maker(agent.addr, **options) as make:
        with pytest.raises(DiscoveryError) as failure:
            await make.discoverer().discover()
        return failure.value


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        ("500 Internal Server Error", b"No cluster leader", FailureKind.UNAVAILABLE, True),
        (
            "500 Internal Server Error",
            b"Raft leader not found in server lookup",
            FailureKind.UNAVAILABLE,
            True,
        ),
        ("429 Too Many Requests", b"rate limit", FailureKind.RATE_LIMITED, True),
        ("403 Forbidden", b"Permission denied", FailureKind.FORBIDDEN, False),
        ("403 Forbidden", b"ACL not found", FailureKind.UNAUTHORIZED, False),
        ("302 Found", b"", FailureKind.BAD_DATA, True),
        ("400 Bad Request", b"Invalid service address", FailureKind.CONFIG, False),
    ],
)
async def test_each_status_is_a_kind_of_failure(
    status: str, body: bytes, kind: FailureKind, retryable: bool
) -> None:
    """What Consul refuses is never an empty list; what it said is in the message."""
    failure = await failure_of(saying(answer(body, status=status)))

    assert (failure.kind, failure.retryable) == (kind, retryable)
    assert body.decode() in str(failure)


async def test_retry_after_is_passed_on() -> None:
    """An agent that asks for a pause gets it."""
    failure = await failure_of(saying(answer(b"slow down", status="429 Busy", head="Retry-After: 7\r\n")))

    assert failure.retry_after == 7


@pytest.mark.parametrize("index", [None, "abc", "", str(2**64), "9" * 400, "1.5"])
async def test_an_index_that_is_none_is_bad_data(index: str | None) -> None:
    """A missing or impossible index is told, not guessed."""
    failure = await failure_of(saying(answer([], index=index)))

    assert failure.kind is FailureKind.BAD_DATA


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[",
        b"\xff\xfe",
        b"null",
        b"[" * 100_000,
        gzip.compress(b"[]", mtime=0),
    ],
)
async def test_garbage_is_bad_data(body: bytes) -> None:
    """HTML, half JSON, JSON 100,000 deep, compressed bytes: bad data, not a crash and not an empty list."""
    failure = await failure_of(saying(answer(body)))

    assert failure.kind is FailureKind.BAD_DATA


async def test_a_huge_answer_is_cut_off() -> None:
    """50 MB, with and without saying so: given up at 8 MiB, without eating the memory or holding the loop."""

    async def flood(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"[" * 65536 + b"\r\n"
        for _ in range(800):
            writer.write(chunk)
            await writer.drain()

    tracemalloc.start()
    failure = await failure_of(flood)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert failure.kind is FailureKind.BAD_DATA
    assert "more than 8 MiB" in str(failure)
    assert peak < 30e6


async def test_a_dripping_answer_ends_at_the_deadline_and_its_socket_with_it() -> None:
    """One byte a moment for ever: a timeout at our deadline, and no socket is left behind."""

    async def drip(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with scripted(drip) as agent, Maker(agent.addr, timeout=0.5) as make:
        discoverer = make.discoverer()
        with pytest.raises(DiscoveryError, match="no answer within") as failure:
            await discoverer.discover()  # the bytes would take a quarter of an hour
        await until_closed(agent)

    assert failure.value.kind is FailureKind.TIMEOUT


async def test_a_cancelled_call_closes_its_socket() -> None:
    """The host gives up on us: nothing of ours keeps waiting at the agent."""
    asked = asyncio.Event()

    async def hold(*_: object) -> None:
        asked.set()
        await asyncio.sleep(60)

    async with scripted(hold) as agent, Maker(agent.addr) as make:
        asking = asyncio.create_task(make.discoverer().discover())
        await asked.wait()
        while_asking = agent.sockets

        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await until_closed(agent)

        assert while_asking == 1


async def until_closed(agent: Agent) -> None:
    async def closed() -> bool:
        return agent.sockets == 0

    await wait_until(closed, within=50, what="no socket is left behind")


async def test_a_server_that_repeats_our_token_does_not_make_us_show_it() -> None:
    """An error page with the request in it is quoted without the token."""
    token = "canary-0000-4000"

    failure = await failure_of(
        saying(answer(f"bad header X-Consul-Token: {token}".encode(), status="400 Bad")), token=Secret(token)
    )

    assert "bad header" in str(failure)
    assert token not in f"{failure}{failure.__cause__!r}{failure.__context__!r}"


async def test_what_we_ask_is_what_the_settings_say() -> None:
    """Service, tag, datacenter, namespace and partition are asked for; the token is sent; never ``cached``."""
    async with (
        scripted(saying(answer([]))) as agent,
        Maker(
            agent.addr,
            service_name="svc",
            tag="blue",
            datacenter="dc2",
            namespace="ns1",
            partition="p1",
            token=Secret("t"),
        ) as make,
    ):
        await make.discoverer().discover()

    request = agent.requests[0]
    assert request.startswith("GET /v1/health/service/svc?tag=blue&dc=dc2 HTTP/1.1\r\n")
    for header in ("X-Consul-Token: t", "X-Consul-Namespace: ns1", "X-Consul-Partition: p1"):
        assert header in request
    assert "User-Agent: engram-discovery/test" in request


async def test_five_thousand_instances_are_read_without_holding_the_loop_for_long() -> None:
    """A large service fits into the limits, and comes in the order of its ids."""
    entries = [entry(number) for number in range(5000)]
    plain, ours = [], []
    async with scripted(saying(answer(entries))) as agent, Maker(agent.addr, timeout=50) as make:
        for _ in range(3):
            plain.append(cpu_seconds(lambda: json.loads(json.dumps(entries))))
            async with loop_lag() as lag:
                found = await make.discoverer().discover()
            ours.append(lag.longest)

    assert isinstance(found, Found)
    assert len(found.endpoints) == 5000
    assert min(ours) < 5 * min(plain), "beside writing and reading the same JSON on this machine, each once"


async def test_the_watch_is_paced_whatever_the_index_does() -> None:
    """An agent that answers at once for ever, with an index that jumps about, is asked twice and then once a second."""
    indices = iter([7, 0, -1, 2**63, 3, 3, 3, 3, 3, 3, 3, 3])

    def jump(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer([entry(len(agent.requests))], index=str(next(indices))))

    async with scripted(jump) as agent, Maker(agent.addr) as make:
        started = time.monotonic()
        async with aclosing(make.discoverer().watch()) as answers:
            async for _ in answers:
                if len(agent.requests) == 4:
                    break
        seconds = time.monotonic() - started
        asked = [request.split()[1] for request in agent.requests]

    assert seconds > 1.9
    assert "index" not in asked[0]
    assert "index=7&" in asked[1]
    assert "index" not in asked[2], "an index that went backwards is forgotten"


async def test_the_second_agent_is_taken_when_the_first_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with two addresses: we stay with one, and take the other when it refuses."""
    lookups = 0

    async def resolve(_: str, port: int, **__: object) -> tuple[Address, ...]:
        nonlocal lookups
        lookups += 1
        return Address("127.0.0.9", port), Address("127.0.0.1", port)

    monkeypatch.setattr(pinning, "resolve", resolve)
    async with scripted(saying(answer([]))) as agent:
        port = agent.addr.partition(":")[2]
        async with Maker(f"consul.example:{port}") as make:
            discoverer = make.discoverer(record())
            with pytest.raises(DiscoveryError) as failure:
                await discoverer.discover()
            answers = [await discoverer.discover() for _ in range(3)]

    assert failure.value.kind is FailureKind.REFUSED
    assert str(failure.value).endswith(": connection refused")
    assert all(isinstance(one, Empty) for one in answers)
    assert lookups == 2


async def test_lists_are_doubted_for_a_minute_after_consul_was_away() -> None:
    """Those who have not registered again yet are kept; after the minute, the list is the truth."""
    clock = FakeClock()
    answers = [
        answer([entry(1), entry(2)]),
        answer(b"No cluster leader", status="500 Error"),
        answer([entry(1)]),
        answer([]),
        answer([entry(1)]),
        answer([]),
    ]
    async with (
        scripted(lambda _, writer: writer.write(answers.pop(0))) as agent,
        Maker(agent.addr, clock=clock) as make,
    ):
        discoverer = make.discoverer()
        whole = await discoverer.discover()
        with pytest.raises(DiscoveryError, match="No cluster leader"):
            await discoverer.discover()
        short = await discoverer.discover()
        with pytest.raises(DiscoveryError, match="keeping the last known peers"):
            await discoverer.discover()
        await clock.advance(61)
        later, nobody = await discoverer.discover(), await discoverer.discover()

    assert [isinstance(one, Found) and one.complete for one in (whole, short, later)] == [True, False, True]
    assert isinstance(nobody, Empty)
