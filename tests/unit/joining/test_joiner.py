"""Joining and healing: which endpoints are contacted, when, and what is logged."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.sources import PeerCache
from engram_discovery.testing.virtual_time import in_virtual_time
from engram_discovery.types import Endpoint, Found, JoinOutcome
from tests.support.joining_rig import OURS, Rig, dialled, make_rig
from tests.support.scripted import EMPTY, Scripted, failure, found, hang, peers
from tests.support.timed_log import RecordingLogger

if TYPE_CHECKING:
    from pathlib import Path


@in_virtual_time
async def test_the_start_joins_the_others_and_not_this_node() -> None:
    """Seeds that are this node's own addresses are never contacted and never count as joined."""
    rig = make_rig(Scripted(found(1, 200, 2, 3, 4)))
    report = await rig.joiner.join_once()
    rig.start()
    await asyncio.sleep(120)

    assert report.joined == 3
    assert not set(OURS) & set(dialled(rig))
    await rig.aclose()


@in_virtual_time
async def test_lower_priority_values_are_contacted_first() -> None:
    """RFC 2782: the backup seeds are not contacted while the first ones answer."""
    backups = peers(2, 3, 4, priority=20)
    rig = make_rig(Scripted(Found((*backups, *peers(5, 6, 7, priority=10)))), others=6)

    await rig.joiner.join_once()

    assert set(dialled(rig)) == {"10.0.0.5", "10.0.0.6", "10.0.0.7"}
    await rig.aclose()


@in_virtual_time
async def test_a_source_that_hangs_does_not_hold_up_the_start() -> None:
    """The start takes at most the join timeout, and the log names the source that has not answered."""
    rig = make_rig(Scripted(hang))
    began = asyncio.get_running_loop().time()

    report = await rig.joiner.join_once()

    assert asyncio.get_running_loop().time() - began <= 5
    assert report.joined == 0
    (line,) = rig.logger.events("cluster.not_formed")
    assert line["phase"] == "resolving"
    assert "dns has not answered yet" in line["explanation"]
    await rig.aclose()


@in_virtual_time
async def test_a_start_alone_is_logged_every_ten_seconds() -> None:
    """A warning at once and every ten seconds, with sources, endpoints not joined and the next step."""
    rig = make_rig(Scripted(EMPTY))
    await rig.joiner.join_once()
    rig.start()

    await asyncio.sleep(60)

    lines = rig.logger.events("cluster.not_formed")
    assert 6 <= len(lines) <= 8
    assert "n00, 10.0.0.1:7946) is alone, waiting for any other node" in lines[-1]["explanation"]
    assert "nobody" in lines[-1]["explanation"]
    assert "next: join the missing endpoints in" in lines[-1]["explanation"]
    await rig.aclose()


@in_virtual_time
async def test_a_complete_cluster_logs_nothing() -> None:
    """At the expected size there is at most the report from before it was reached."""
    rig = make_rig(Scripted(found(2, 3)), others=2, expected_size=3)
    await rig.joiner.join_once()
    rig.start()

    await asyncio.sleep(600)

    assert len(rig.logger.events("cluster.not_formed")) <= 1
    await rig.aclose()


@in_virtual_time
async def test_too_few_nodes_are_logged_until_the_expected_size_is_reached() -> None:
    """With two of three nodes, the log has the number of missing ones until the third has joined."""
    rig = make_rig(Scripted(found(2, 3)), others=1, expected_size=3)
    await rig.joiner.join_once()
    rig.start()
    await asyncio.sleep(30)
    lines = rig.logger.events("cluster.not_formed")
    rig.network.add(2)
    await asyncio.sleep(61)

    assert len(lines) >= 3
    assert {line["phase"] for line in lines} == {"forming"}
    assert "waiting for 1 more of the 3 nodes expected" in lines[-1]["explanation"]
    assert "10.0.0.3:7946 (from dns) refused" in lines[-1]["explanation"]
    assert rig.alive == 3
    assert rig.logger.events("cluster.formed") == [{"live": 3}]
    await rig.aclose()


@in_virtual_time
async def test_a_foreign_cluster_is_never_joined_and_named() -> None:
    """A reused address that rejected the handshake is reported with its reason and never becomes a member."""
    rig = make_rig(Scripted(found(2)), others=0)
    rig.network.add(1, cluster="other")
    await rig.joiner.join_once()
    rig.start()

    await asyncio.sleep(120)

    assert rig.alive == 1
    assert rig.joiner.outcomes()[JoinOutcome.FOREIGN] >= 10
    assert len(rig.logger.events("join.foreign_cluster")) <= 5
    (peer,) = rig.joiner.explain().not_joined
    assert peer.outcome is JoinOutcome.FOREIGN
    assert "rejected the handshake" in rig.joiner.explain().paragraph()
    await rig.aclose()


@in_virtual_time
async def test_a_seed_list_of_only_this_node_is_explained() -> None:
    """Alone, because every address found is this node: the explanation has the cause and the remedy."""
    rig = make_rig(Scripted(found(1)), others=0)
    await rig.joiner.join_once()

    explanation = rig.joiner.explain()

    assert explanation.phase == "alone"
    assert [peer.outcome for peer in explanation.not_joined] == [JoinOutcome.SELF]
    assert "all endpoints found are this node itself" in explanation.paragraph()
    await rig.aclose()


@in_virtual_time
async def test_a_balancer_that_leads_back_to_this_node_is_tried_again() -> None:
    """An endpoint that proves to be this node does not count as joined, and may lead to another the next time."""
    rig = make_rig(Scripted(found(100)), others=1)
    balancer, other = Endpoint("10.0.0.100", 7946).address, Endpoint("10.0.0.2", 7946).address
    rig.engine.leads_to[balancer] = rig.engine.addr
    report = await rig.joiner.join_once()
    advice = rig.joiner.explain().advice
    rig.engine.leads_to[balancer] = other
    rig.start()

    await asyncio.sleep(11)

    assert report.joined == 0
    assert "balancer" in advice[0]
    assert rig.alive == 2
    await rig.aclose()


@in_virtual_time
async def test_the_explanation_is_json_and_complete() -> None:
    """The same structure serves the command line and HTTP: plain types, every part of it."""
    rig = make_rig(Scripted(failure()), expected_size=5)
    await rig.joiner.join_once()

    explanation = rig.joiner.explain().as_dict()

    assert json.loads(json.dumps(explanation)) == explanation
    assert explanation["phase"] == "alone"
    assert explanation["awaiting"] == "4 more of the 5 nodes expected"
    assert explanation["sources"][0]["error_kind"] == "unavailable"
    assert explanation["self"] == {"node_id": "n00", "addr": "10.0.0.1:7946"}
    assert set(explanation["next"]) == {"action", "in"}
    await rig.aclose()


@in_virtual_time
async def test_one_node_expected_is_a_formed_cluster() -> None:
    """A cluster of one by intention is not alone."""
    rig = make_rig(Scripted(EMPTY), others=0, expected_size=1)
    await rig.joiner.join_once()
    rig.start()

    await asyncio.sleep(120)

    assert rig.joiner.explain().phase == "formed"
    assert rig.logger.events("cluster.not_formed") == []
    await rig.aclose()


@pytest.mark.parametrize("moment", [0, 0.001, 0.01, 0.011, 0.02, 0.5, 1, 1.5, 2.5, 2.6, 4.9, 5, 5.1, 7, 61])
@pytest.mark.parametrize("answer", [found(1, 2, 3, 9, 10), hang, EMPTY, failure()])
def test_stopping_at_any_moment_leaves_nothing_behind(moment: float, answer: Any) -> None:
    """At whatever moment the node is stopped, it closes within some seconds and leaves no task."""

    async def live(rig: Rig) -> None:
        await rig.joiner.join_once()
        rig.start()
        await asyncio.Event().wait()

    @in_virtual_time
    async def scenario() -> None:
        rig = make_rig(Scripted(answer), others=6)
        rig.network.cut(lambda engine: int(engine.node_id != "n02"))
        life = asyncio.create_task(live(rig))
        await asyncio.sleep(moment)
        began = asyncio.get_running_loop().time()

        life.cancel()
        await asyncio.wait({life})
        await rig.aclose()

        assert asyncio.get_running_loop().time() - began <= 4

    scenario()


@in_virtual_time
async def test_live_members_are_saved_in_the_peer_cache(tmp_path: Path) -> None:
    """Live members are saved even if no source lists them any more."""
    rig = make_rig(
        Scripted(found(2)), others=2, cache=PeerCache(tmp_path / "p", cluster="c", logger=RecordingLogger())
    )
    rig.network.contact(rig.engine, Endpoint("10.0.0.3", 7946).address)
    await rig.joiner.join_once()
    rig.start()
    await asyncio.sleep(70)

    await rig.aclose()

    assert '"host": "10.0.0.3"' in (tmp_path / "p").read_text()


@in_virtual_time
async def test_an_answer_that_comes_during_the_start_is_used_at_once() -> None:
    """Endpoints of a source that answers after its share of the start are contacted before the next round."""

    async def slow() -> Any:
        await asyncio.sleep(2.6)
        return found(2)

    rig = make_rig(Scripted(slow))
    await rig.joiner.join_once()
    await asyncio.sleep(0.5)
    rig.start()

    await asyncio.sleep(0.1)

    assert rig.alive == 2
    await rig.aclose()
