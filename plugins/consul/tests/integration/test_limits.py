"""What a node costs a real Consul: reads while everything changes, sockets while nothing does."""

import asyncio
import time
from pathlib import Path

import pytest

from engram_discovery.registration.registration import RegistrationState
from engram_discovery.sources.status import Outcome
from plugins.consul.tests.factories import Maker, record
from plugins.consul.tests.integration.waiting import until_outcome, until_state
from tests.servers.consul import Consul
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

OURS = record()


async def test_a_flood_of_changes_is_read_once_a_second(consul: Consul) -> None:
    """Changes faster than anybody reads: bounded reads while they come, and the whole truth soon after."""
    async with Maker(consul.addr) as make:
        source = make.source()
        await until_outcome(source, Outcome.EMPTY)
        began, number = time.monotonic(), 0

        while time.monotonic() - began < 5:
            await consul.add(f"engram-{number % 50}", Address=f"192.0.2.{number % 256}")
            number += 1
        rounds = source.status().attempts[Outcome.FOUND]
        seconds = time.monotonic() - began
        there = {entry["Service"]["Address"] for entry in (await consul.service()).values()}

        async def all_are_known() -> bool:
            return {endpoint.host for endpoint in source.snapshot()} == there

        await wait_until(all_are_known, within=5, what="the source holds what is registered")

    assert number > 10 * rounds
    assert 2 <= rounds <= seconds + 2


async def test_a_resting_node_holds_two_sockets(consul: Consul) -> None:
    """Registered, watching and checked now and then: two queries wait, and other sockets do not stay."""

    async def two_are_open() -> bool:
        return sockets_to(consul.port) == 2

    async with Maker(consul.addr) as make:
        registration, source = make.registration(OURS), make.source(OURS)
        await until_state(registration, RegistrationState.REGISTERED)
        await until_outcome(source, Outcome.FOUND)
        check = make.health_check(OURS)

        most = 0
        for _ in range(20):
            await check.check()
            await asyncio.sleep(0.2)
            most = max(most, sockets_to(consul.port))
        await wait_until(two_are_open, within=20, what="two sockets are open", every=0.1)

    assert most <= 3


def sockets_to(port: int) -> int:
    """Count established connections to a port of this machine."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(line[2].partition(":")[2], 16) == port and line[3] == "01" for line in lines)
