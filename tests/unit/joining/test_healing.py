"""Healing rounds: what a node that misses members contacts, and when."""

from __future__ import annotations

import asyncio

from engram_discovery.testing.virtual_time import in_virtual_time
from tests.support.joining_rig import dialled, make_rig
from tests.support.scripted import Scripted, ScriptedWatch, found


@in_virtual_time
async def test_seeds_that_come_back_are_joined_within_35_seconds() -> None:
    """After an outage of all seeds of any length, the node joins soon after they return."""
    rig = make_rig(Scripted(found(2, 3)), others=0)
    await rig.joiner.join_once()
    rig.start()
    await asyncio.sleep(600)

    rig.network.add(1)
    rig.network.add(2)
    await asyncio.sleep(12)

    assert rig.alive == 3
    await rig.aclose()


@in_virtual_time
async def test_nodes_that_start_together_do_not_wait_for_the_usual_round() -> None:
    """Seeds that open just after the first contact are joined within about a second, not within ten."""
    rig = make_rig(Scripted(found(2, 3)), others=0)
    await rig.joiner.join_once()
    rig.start()
    await asyncio.sleep(0.5)

    rig.network.add(1)
    rig.network.add(2)
    await asyncio.sleep(1)

    assert rig.alive == 3
    await rig.aclose()


@in_virtual_time
async def test_a_node_that_stays_alone_backs_off() -> None:
    """Healing rounds are frequent at first, then every ten seconds without end."""
    rig = make_rig(Scripted(found(2)), others=0)
    await rig.joiner.join_once()
    rig.start()

    await asyncio.sleep(60)
    in_the_first_minute = len(dialled(rig))
    await asyncio.sleep(600)

    assert 8 <= in_the_first_minute <= 16
    assert 54 <= len(dialled(rig)) - in_the_first_minute <= 67
    await rig.aclose()


@in_virtual_time
async def test_a_split_in_half_heals_within_two_intervals() -> None:
    """Half of the known members is a minority: healing rounds run every ten seconds."""
    rig = make_rig(Scripted(found(1, 2, 3, 4, 5, 6)), others=5)
    for engine in rig.network.engines.values():
        rig.network.contact(rig.engine, engine.addr)
    rig.start()
    rig.network.cut(lambda engine: int(engine.node_id[1:]) % 2)
    await asyncio.sleep(30)
    phases = [line["phase"] for line in rig.logger.events("cluster.not_formed")]
    rig.network.mend()

    await asyncio.sleep(20)

    assert phases == ["split"]
    assert rig.network.islands() == 1
    await rig.aclose()


@in_virtual_time
async def test_a_majority_contacts_three_non_members_a_round_and_all_in_turn() -> None:
    """Healing contacts three endpoints a minute, and each has its turn."""
    rig = make_rig(Scripted(found(*range(2, 22))), others=12)
    for engine in list(rig.network.engines.values()):
        rig.network.contact(rig.engine, engine.addr)
    rig.start()

    await asyncio.sleep(4 * 66)

    non_members = dialled(rig)
    assert 9 <= len(non_members) <= 15
    assert len(set(non_members[:9])) == 8
    await rig.aclose()


@in_virtual_time
async def test_a_new_endpoint_is_contacted_at_once() -> None:
    """A seed at a new address, reported by a watch, is joined without waiting for the next round."""
    discoverer = ScriptedWatch(found(9))
    rig = make_rig(discoverer)
    discoverer.pushed.put_nowait(found(9))
    await rig.joiner.join_once()
    rig.start()
    await asyncio.sleep(15)

    discoverer.pushed.put_nowait(found(2))
    await asyncio.sleep(1.2)

    assert rig.alive == 2
    await rig.aclose()
