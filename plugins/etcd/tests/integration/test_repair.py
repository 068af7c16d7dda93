"""What others do to our record: the watch of our key tells, and the host repairs it long before a renewal is due."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from engram_discovery.registration.registration import RegistrationState
from plugins.etcd.tests.factories import make_node, make_registration, registrar, until_state
from tests.servers.etcd import Etcd
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

KEY = "/engram/c/n1"
TTL = 90  # renewals come every 30 s
AT_ONCE = 15.0  # on a busy machine


async def delete(etcd: Etcd) -> None:
    await etcd.ctl("del", KEY)


async def overwrite(etcd: Etcd) -> None:
    await etcd.ctl("put", KEY, "garbage")


async def revoke(etcd: Etcd) -> None:
    [lease] = (await etcd.ctl("lease", "list")).split()[3:]
    await etcd.ctl("lease", "revoke", lease)


@pytest.mark.parametrize("harm", [delete, overwrite, revoke], ids=lambda harm: harm.__name__)
async def test_a_lost_record_is_back_at_once(etcd: Etcd, harm: Callable[[Etcd], Awaitable[None]]) -> None:
    """Key deleted, key overwritten, lease revoked: put back as it was, and counted as one repair."""
    registration = make_registration(etcd.endpoint, ttl=TTL)
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)
    before = await etcd.ctl("get", KEY)

    async def is_back() -> bool:
        return await etcd.ctl("get", KEY) == before and registration.state is RegistrationState.REGISTERED

    await harm(etcd)
    await wait_until(is_back, within=AT_ONCE, every=0.2, what="our record is back")
    repairs = registration.repairs
    await registration.aclose()

    assert repairs == {"lost": 1}


async def test_a_newer_run_is_noticed_at_once(etcd: Etcd) -> None:
    """The older of two runs does not wait for a renewal to see that it was replaced."""
    registration = make_registration(etcd.endpoint, ttl=TTL)
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)

    async with registrar(etcd.endpoint, ttl=TTL) as newer:
        await newer.register(make_node(generation=2))
        await until_state(registration, RegistrationState.SUPERSEDED, AT_ONCE)
        await registration.aclose()

        assert await newer.verify()


async def test_what_happened_before_the_watch_is_told(etcd: Etcd) -> None:
    """Nothing falls between the read that verified the record and the watch; nor does a compaction there hide it."""
    async with registrar(etcd.endpoint, ttl=TTL) as registry:
        await registry.register(make_node())
        await registry.verify()
        await delete(etcd)
        await asyncio.wait_for(registry.wait_for_change(), AT_ONCE)
        await etcd.ctl("put", "/other", "x")
        answer = json.loads(await etcd.ctl("get", KEY, "-w", "json"))
        await etcd.ctl("compact", str(answer["header"]["revision"]))

        await asyncio.wait_for(registry.wait_for_change(), AT_ONCE)
        seen = await registry.verify()

    assert not seen


async def test_our_own_renewals_disturb_nobody(etcd: Etcd) -> None:
    """Neither renewing the lease nor what other nodes do ends the wait; the end of etcd does."""
    async with registrar(etcd.endpoint, ttl=TTL) as registry, registrar(etcd.endpoint) as other:
        await registry.register(make_node())
        await registry.verify()
        waiting = asyncio.create_task(registry.wait_for_change())
        await wait_until(is_watched(etcd), within=AT_ONCE, every=0.2, what="our key is watched")

        await registry.renew()
        await other.register(make_node("n11"))
        await other.deregister()
        await asyncio.wait({waiting}, timeout=1)
        undisturbed = not waiting.done()
        etcd.kill()
        await asyncio.wait({waiting}, timeout=AT_ONCE)

    assert undisturbed
    assert waiting.done()
    assert waiting.exception() is None


def is_watched(etcd: Etcd) -> Callable[[], Awaitable[bool]]:
    """Tell whether anybody watches anything, as etcd's metrics say."""

    async def look() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            metrics = (await client.get(f"{etcd.url}/metrics")).text
        return re.search(r"^etcd_debugging_mvcc_watcher_total [1-9]", metrics, re.MULTILINE) is not None

    return look
