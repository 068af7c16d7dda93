"""Several sources as one: order, union, memory, and what consumers are told."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from engram_discovery.errors import FailureKind
from engram_discovery.sources import Change, Discovery, PeerCache, Source
from engram_discovery.testing.virtual_time import LoopClock, in_virtual_time
from tests.support.scripted import EMPTY, Scripted, ScriptedWatch, failure, found, hang, peers
from tests.support.timed_log import RecordingLogger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from engram_discovery.types import Endpoint


def make_discovery(
    *discoverers: Any,
    also: Any = None,
    mode: Literal["first", "union"] = "first",
    cache: PeerCache | None = None,
) -> Discovery:
    names = ("consul", "dns", "static")
    return Discovery(
        [make_source(*pair) for pair in zip(names, discoverers, strict=False)],
        also=[make_source("join", also)] if also else [],
        mode=mode,
        cache=cache,
        clock=LoopClock(),
        logger=RecordingLogger(),
    )


def make_source(name: str, discoverer: Any) -> Source:
    return Source(name, discoverer, clock=LoopClock(), logger=RecordingLogger(), random=random.Random(1))


def make_cache(data_dir: Path, cluster: str = "engram") -> PeerCache:
    return PeerCache(data_dir / "peers.json", cluster=cluster, logger=RecordingLogger())


async def collect(changes: AsyncIterator[Change]) -> list[tuple[float, Change]]:
    now = asyncio.get_running_loop().time
    return [(now(), change) async for change in changes]


def told(endpoints: tuple[Endpoint, ...]) -> list[tuple[str, str]]:
    return [(endpoint.host, endpoint.source) for endpoint in endpoints]


@in_virtual_time
async def test_first_stops_at_the_first_source_that_finds_somebody() -> None:
    """A source that works makes those after it unnecessary: they are not even asked."""
    second = Scripted(found(2))
    discovery = make_discovery(Scripted(found(1)), second)

    snapshot = await discovery.discover()

    assert snapshot.endpoints == peers(1)
    assert (snapshot.version, snapshot.stale, snapshot.complete) == (1, False, True)
    assert second.asked_at == []
    await discovery.aclose()


@in_virtual_time
async def test_first_goes_on_past_empty_and_failed_and_says_why() -> None:
    """Consul fails, DNS says nobody, the static list answers: its peers, and the reasons of the others."""
    discovery = make_discovery(Scripted(failure()), Scripted(EMPTY), Scripted(found(3)))

    snapshot = await discovery.discover()

    assert told(snapshot.endpoints) == [("10.0.0.3", "static")]
    assert "away" in snapshot.why["consul"]
    assert "nobody" in snapshot.why["dns"]
    assert snapshot.stale
    await discovery.aclose()


@in_virtual_time
async def test_first_does_not_wait_for_a_source_that_hangs() -> None:
    """After a head start of a second the next source is asked as well."""
    discovery = make_discovery(Scripted(hang), Scripted(found(2)))
    began = asyncio.get_running_loop().time()
    asking = asyncio.create_task(discovery.discover())

    await asyncio.sleep(1.1)

    assert discovery.snapshot().endpoints == peers(2)
    await asking
    assert asyncio.get_running_loop().time() - began <= 5.1
    await discovery.aclose()


@in_virtual_time
async def test_first_keeps_the_peers_of_a_source_that_begins_to_fail() -> None:
    """An error adds the next source; it never takes the peers of the failing one away."""
    discovery = make_discovery(Scripted(found(1), failure()), Scripted(found(2)))
    await discovery.discover()
    discovery.start()

    await asyncio.sleep(60)

    snapshot = discovery.snapshot()
    assert told(snapshot.endpoints) == [("10.0.0.1", "consul"), ("10.0.0.2", "dns")]
    assert snapshot.stale
    await discovery.aclose()


@in_virtual_time
async def test_first_lets_later_sources_rest_once_an_earlier_one_works_again() -> None:
    """A fallback is asked while it is needed and no longer."""
    fallback = Scripted(found(2))
    discovery = make_discovery(Scripted(failure(), failure(), found(1)), fallback)
    await discovery.discover()
    discovery.start()
    await asyncio.sleep(60)
    asked = len(fallback.asked_at)

    await asyncio.sleep(600)

    assert discovery.snapshot().endpoints == peers(1)
    assert len(fallback.asked_at) == asked
    assert [status.next_refresh_in is None for status in discovery.status()] == [False, True]
    await discovery.aclose()


@in_virtual_time
async def test_union_asks_all_at_once_and_each_keeps_its_own_state() -> None:
    """One source that fails and one that hangs take nothing from the third."""
    discovery = make_discovery(Scripted(failure()), Scripted(hang), Scripted(found(3, 4)), mode="union")
    began = asyncio.get_running_loop().time()

    snapshot = await discovery.discover()

    assert snapshot.endpoints == peers(3, 4)
    assert asyncio.get_running_loop().time() - began <= 5.1
    assert [status.error_kind for status in discovery.status()] == [
        FailureKind.UNAVAILABLE,
        FailureKind.TIMEOUT,
        None,
    ]
    await discovery.aclose()


@in_virtual_time
async def test_discover_answers_from_memory_the_second_time() -> None:
    """Only the first call asks the sources."""
    discoverer = Scripted(found(1))
    discovery = make_discovery(discoverer)

    await discovery.discover()
    await discovery.discover()

    assert len(discoverer.asked_at) == 1
    await discovery.aclose()


@in_virtual_time
async def test_without_sources_there_is_an_empty_answer() -> None:
    """A node that is told of no source runs alone, without an error."""
    discovery = make_discovery()

    assert (await discovery.discover()).endpoints == ()
    await discovery.aclose()


@in_virtual_time
async def test_changes_come_once_a_second_at_most_and_none_is_lost() -> None:
    """A source that changes every 200 ms costs its consumers one version a second, and they end up right."""
    discoverer = ScriptedWatch(found(1))
    discovery = make_discovery(discoverer)
    discovery.start()
    consumer = asyncio.create_task(collect(discovery.changes()))
    for round_ in range(300):
        discoverer.pushed.put_nowait(found(*range(round_ % 7, round_ % 7 + 20)))
        await asyncio.sleep(0.2)
    discoverer.pushed.put_nowait(found(99))
    await asyncio.sleep(2)

    await discovery.aclose()
    seen = await consumer

    times = [at for at, _ in seen]
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(times))
    assert len(seen) >= 50
    versions = [change.snapshot.version for _, change in seen]
    assert versions == sorted(set(versions))
    known: set[Endpoint] = set()
    for _, change in seen:
        known = (known - set(change.removed)) | set(change.added)
    assert known == set(peers(99))


@in_virtual_time
async def test_a_change_of_order_is_no_change() -> None:
    """A name server that rotates its answers wakes nobody."""
    discoverer = ScriptedWatch(found(1, 2))
    discovery = make_discovery(discoverer)
    discovery.start()
    await asyncio.sleep(1)
    version = discovery.snapshot().version
    discoverer.pushed.put_nowait(found(2, 1))
    await asyncio.sleep(1)

    assert discovery.snapshot().endpoints == peers(2, 1)
    assert discovery.snapshot().version == version
    await discovery.aclose()


@in_virtual_time
async def test_when_every_source_fails_the_memory_on_disk_speaks(tmp_path: Path) -> None:
    """A cold start with every source down finds the peers of the last run, labelled as such."""
    await make_cache(tmp_path).save(peers(1, 2, source="consul"))
    discovery = make_discovery(Scripted(failure()), Scripted(hang), cache=make_cache(tmp_path))

    snapshot = await discovery.discover()

    assert told(snapshot.endpoints) == [("10.0.0.1", "cache"), ("10.0.0.2", "cache")]
    assert snapshot.stale
    assert "2" in snapshot.why["cache"]
    await discovery.aclose()


@in_virtual_time
async def test_a_source_that_answers_replaces_the_memory_on_disk(tmp_path: Path) -> None:
    """Memory speaks only for sources that have not answered in this run, and what they say is saved."""
    await make_cache(tmp_path).save(peers(1, 2))
    discovery = make_discovery(Scripted(found(2, 3)), cache=make_cache(tmp_path))
    discovery.start()
    await asyncio.sleep(10)

    snapshot = discovery.snapshot()
    await discovery.aclose()

    assert told(snapshot.endpoints) == [("10.0.0.2", "consul"), ("10.0.0.3", "consul")]
    assert await make_cache(tmp_path).load() == peers(2, 3)


@in_virtual_time
async def test_live_members_are_remembered_beside_what_sources_say(tmp_path: Path) -> None:
    """A cluster whose discovery went away is remembered by its members."""
    discovery = make_discovery(Scripted(found(1)), cache=make_cache(tmp_path))
    discovery.start()
    await asyncio.sleep(1)

    discovery.remember(peers(7, 8))
    await discovery.aclose()

    assert set(await make_cache(tmp_path).load()) == set(peers(1, 7, 8))


@in_virtual_time
async def test_after_a_graceful_leave_nothing_is_remembered(tmp_path: Path) -> None:
    """Forgetting removes the file, and closing does not write it again."""
    discovery = make_discovery(Scripted(found(1)), cache=make_cache(tmp_path))
    discovery.start()
    await asyncio.sleep(10)

    await discovery.forget()
    discovery.remember(peers(5))
    await discovery.aclose()

    assert not (tmp_path / "peers.json").exists()


@in_virtual_time
async def test_closing_during_the_first_round_is_bounded() -> None:
    """However the sources hang, closing ends within some seconds and leaves no task behind."""
    discovery = make_discovery(Scripted(hang), Scripted(hang))
    asking = asyncio.create_task(discovery.discover())
    await asyncio.sleep(0.5)
    began = asyncio.get_running_loop().time()

    await discovery.aclose()

    assert asyncio.get_running_loop().time() - began <= 3
    assert (await asking).endpoints == ()


@in_virtual_time
async def test_a_chain_that_flips_every_round_loses_nobody() -> None:
    """While the first source works and fails by turns, its peers stay, versions rise and changes stay rare."""
    flips = [step for _ in range(200) for step in (found(1, ttl=1), failure())]
    discovery = make_discovery(Scripted(*flips), Scripted(found(2)))
    await discovery.discover()
    discovery.start()
    consumer = asyncio.create_task(collect(discovery.changes()))
    await asyncio.sleep(60)

    await discovery.aclose()
    seen = await consumer

    assert len(seen) >= 5
    assert all(change.removed != peers(1) for _, change in seen)
    assert all(peers(1)[0] in change.snapshot.endpoints for _, change in seen)
    assert all(later[0] - earlier[0] >= 1.0 for earlier, later in pairwise(seen))
    assert all(a[1].snapshot.version < b[1].snapshot.version for a, b in pairwise(seen))


@in_virtual_time
async def test_changes_of_a_closed_discovery_end() -> None:
    """A consumer that comes late, or is waiting, is let go."""
    discovery = make_discovery(Scripted(found(1)))
    early = asyncio.create_task(collect(discovery.changes()))
    await asyncio.sleep(0)
    await discovery.aclose()

    late = await collect(discovery.changes())

    assert await early == late == []


@in_virtual_time
async def test_what_is_named_on_the_command_line_is_always_asked() -> None:
    """One more source beside the chain: it neither ends the chain nor rests when the chain works."""
    discovery = make_discovery(Scripted(failure(), found(1)), Scripted(found(2)), also=Scripted(found(7)))

    first = await discovery.discover()
    discovery.start()
    await asyncio.sleep(60)

    assert told(first.endpoints) == [("10.0.0.2", "dns"), ("10.0.0.7", "join")]
    assert told(discovery.snapshot().endpoints) == [("10.0.0.1", "consul"), ("10.0.0.7", "join")]
    assert [status.next_refresh_in is None for status in discovery.status()] == [False, True, False]
    await discovery.aclose()
