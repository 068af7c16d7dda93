"""Listing and watching a real etcd."""

import asyncio
import threading
import time

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.types import Empty, Found
from engram_discovery_etcd.failures import EtcdError
from engram_discovery_etcd.watch import WatchStream
from plugins.etcd.tests.factories import (
    Log,
    Watching,
    discoverer,
    etcd_client,
    ids,
    make_context,
    make_identity,
    make_node,
    raw_put,
    registrar,
)
from tests.servers.etcd import Etcd
from tests.servers.process import wait_until

pytestmark = pytest.mark.server


async def test_nobody_is_empty_not_an_error(etcd: Etcd) -> None:
    """No key under the prefix is an authoritative no."""
    async with discoverer(etcd.endpoint) as source:
        answer = await source.discover()

    assert answer == Empty("no key of a node under /engram/c/")


async def test_a_registered_node_is_found_with_all_it_told(etcd: Etcd) -> None:
    """Address, id and facts of a record come back as they were written."""
    async with discoverer(etcd.endpoint) as source, registrar(etcd.endpoint) as registry:
        await registry.register(make_node())

        answer = await source.discover()

    assert isinstance(answer, Found)
    [endpoint] = answer.endpoints
    assert (str(endpoint), endpoint.node_id, endpoint.source) == ("10.0.0.1:7946", "n1", "etcd")
    assert endpoint.meta["api_addr"] == "10.0.0.1:50051"
    assert endpoint.meta["generation"] == "1"


async def test_a_watch_tells_of_each_change_at_once(etcd: Etcd) -> None:
    """The whole answer comes first, and again after each put and each delete."""
    async with (
        discoverer(etcd.endpoint) as source,
        registrar(etcd.endpoint) as registry,
        Watching(source) as watch,
    ):
        first = await watch.next()

        await registry.register(make_node())
        joined = await watch.next()
        await registry.deregister()
        gone = await watch.next()

    assert [ids(first), ids(joined), ids(gone)] == [[], ["n1"], []]


async def test_a_quiet_watch_lives(etcd: Etcd) -> None:
    """Silence is bridged by progress requests: a change after a long pause still arrives."""
    async with discoverer(etcd.endpoint) as source, Watching(source) as watch:
        await watch.next()
        waiting = asyncio.create_task(watch.next(within=30))
        await asyncio.wait({waiting}, timeout=6)
        quiet = not waiting.done()

        await etcd.ctl("put", "/engram/c/n1", '{"Op":0,"Addr":"10.0.0.1:7946"}')
        answer = await waiting

    assert quiet
    assert ids(answer) == ["n1"]


async def test_other_clusters_and_other_keys_are_not_ours(etcd: Etcd) -> None:
    """Only what is under our prefix and cluster counts; a cluster whose name begins like ours is another."""
    await etcd.ctl("put", "/engram/cc/n9", '{"Op":0,"Addr":"10.0.0.9:7946"}')
    await etcd.ctl("put", "/engram/c", '{"Op":0,"Addr":"10.0.0.8:7946"}')
    await etcd.ctl("put", "/engram/c/n2", '{"Op":0,"Addr":"10.0.0.2:7946"}')

    async with discoverer(etcd.endpoint) as source:
        answer = await source.discover()

    assert ids(answer) == ["n2"]


async def test_what_is_not_a_record_is_skipped_and_named(etcd: Etcd) -> None:
    """A value that is no record costs itself only; the log names its key, once."""
    log = Log()
    await etcd.ctl("put", "/engram/c/bad", "not json")
    await etcd.ctl("put", "/engram/c/good", '{"Op":0,"Addr":"10.0.0.2:7946"}')

    async with discoverer(etcd.endpoint, context=make_context(log)) as source:
        answers = [await source.discover(), await source.discover()]

    assert [ids(answer) for answer in answers] == [["good"], ["good"]]
    skipped = [facts for event, facts in log.lines if event == "etcd.record_skipped"]
    assert skipped == [{"key": "/engram/c/bad", "error": "it is not JSON"}]


async def test_ten_thousand_keys_are_read_in_pages(etcd: Etcd) -> None:
    """Everything is there, from one revision, in a second."""
    async with etcd_client(etcd.endpoint) as client:
        value = b'{"Op":0,"Addr":"10.0.0.1:7946"}'
        await raw_put(client, *((f"/engram/c/n{number:05}", value) for number in range(10_000)))
    async with discoverer(etcd.endpoint) as source:
        await source.discover()

        started = time.monotonic()
        answer = await source.discover()
        seconds = time.monotonic() - started

    assert len(ids(answer)) == 10_000
    print(f"read in {seconds:.2f} s")
    assert seconds < 5  # on a loaded machine; the bench measures


async def test_large_values_do_not_hide_the_rest(etcd: Etcd) -> None:
    """More megabytes than one message may have are read in smaller pages, and skipped."""
    async with etcd_client(etcd.endpoint) as client:
        for number in range(8):
            await raw_put(client, (f"/engram/c/big{number}", b"x" * 1_400_000))
        await raw_put(client, ("/engram/c/n1", b'{"Op":0,"Addr":"10.0.0.1:7946"}'))

    async with discoverer(etcd.endpoint) as source:
        answer = await source.discover()

    assert ids(answer) == ["n1"]


async def test_a_watch_from_before_a_compaction_ends(etcd: Etcd) -> None:
    """Etcd leaves the stream open and silent; we end it with an error, so that the host lists again."""
    for number in range(5):
        await etcd.ctl("put", "/engram/c/n1", f'{{"Op":0,"Addr":"10.0.0.{number}:7946"}}')
    await etcd.ctl("compact", "5")

    async with etcd_client(etcd.endpoint) as client:
        stream = await client.attempt(lambda one: WatchStream.open(one, b"/engram/c/", 2))
        with pytest.raises(EtcdError, match="compacted") as failure:
            await stream.events()
        await stream.aclose()

    assert failure.value.kind is FailureKind.UNAVAILABLE


async def test_reading_in_full_beside_a_busy_watch_loses_nothing(etcd: Etcd) -> None:
    """Listings and events overtake each other all the time; in the end both say what etcd has."""
    async with (
        etcd_client(etcd.endpoint) as client,
        discoverer(etcd.endpoint) as source,
        Watching(source) as watch,
    ):
        await watch.next()

        async def put(number: int) -> None:
            await raw_put(
                client, (f"/engram/c/n{number:03}", b'{"Op":0,"Addr":"10.0.0.1:%d"}' % (number + 1))
            )

        async def write() -> None:
            for number in range(200):
                await put(number)

        async def follow() -> list[str | None]:
            while "n200" not in (seen := ids(await watch.next())):
                pass
            return seen

        writing, following = asyncio.create_task(write()), asyncio.create_task(follow())
        while not writing.done():
            await source.discover()
        await put(200)
        answer = await following

    assert answer == [f"n{number:03}" for number in range(201)]


async def test_a_connection_that_is_given_up_is_not_closed_under_a_watch(etcd: Etcd) -> None:
    """Closing cancels every call on it, so it waits for the last one."""
    async with etcd_client(etcd.endpoint) as client:
        stream = await client.attempt(lambda one: WatchStream.open(one, b"/engram/c/", 1))
        await client.give_up(stream.connection)

        await etcd.ctl("put", "/engram/c/n1", "x")
        events = await stream.events()
        await stream.aclose()

    assert [event.kv.key for event in events] == [b"/engram/c/n1"]


async def test_a_list_without_us_is_not_believed(etcd: Etcd) -> None:
    """Once our record was seen, an answer that lacks it is a failure, until it is there again."""
    context = make_context(identity=make_identity())
    async with discoverer(etcd.endpoint, context=context) as source, registrar(etcd.endpoint) as registry:
        before = await source.discover()
        await registry.register(make_node())
        await source.discover()
        await etcd.ctl("del", "/engram/c/n1")

        with pytest.raises(DiscoveryError, match="our own record is gone") as failure:
            await source.discover()
        await registry.register(make_node())
        after = await source.discover()

    assert isinstance(before, Empty)
    assert failure.value.kind is FailureKind.BAD_DATA
    assert ids(after) == ["n1"]


async def test_closing_leaves_no_task_and_no_thread(etcd: Etcd) -> None:
    """After all is closed, also a watch in the middle of its wait, nothing runs that did not before."""
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with discoverer(etcd.endpoint) as source, registrar(etcd.endpoint) as registry:
        await registry.register(make_node())
        await registry.renew()
        async with Watching(source) as watch:
            await watch.next()
            with pytest.raises(TimeoutError):
                await watch.next(within=0.2)

    async def nothing_is_left() -> bool:
        return (
            asyncio.all_tasks() == tasks
            and not {t for t in threading.enumerate() if "poll" in t.name} - threads
        )

    await wait_until(nothing_is_left, within=15, what="no task and no thread is left")
