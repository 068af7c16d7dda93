"""Real members that answer from the past: one that was left behind, and an etcd that lost everything."""

import shutil
from pathlib import Path

import pytest

from engram_discovery.registration.registration import RegistrationState
from plugins.etcd.tests.factories import (
    Log,
    discoverer,
    ids,
    make_registration,
    make_source,
    until_state,
    until_watching,
)
from tests.servers.etcd import Etcd
from tests.servers.process import wait_until
from tests.servers.toxiproxy import Toxiproxy

pytestmark = pytest.mark.server


async def test_a_member_that_was_left_behind_is_passed_over(
    etcd: Etcd, link: Toxiproxy, program: Path, tmp_path: Path
) -> None:
    """Once etcd said more, a member with its data of yesterday is not believed while another one knows better."""
    await etcd.ctl("put", "/engram/c/n1", '{"Op":0,"Addr":"10.0.0.1:7946"}')
    await etcd.stop()
    yesterday = Etcd(tmp_path / "yesterday", program=program)
    shutil.copytree(etcd.data, yesterday.data)
    await etcd.start()
    await etcd.ctl("put", "/engram/c/n2", '{"Op":0,"Addr":"10.0.0.2:7946"}')

    async with yesterday, discoverer(yesterday.endpoint) as naive:
        behind = await naive.discover()
        async with discoverer(link.addr, yesterday.endpoint, etcd.endpoint) as source:
            before = await source.discover()
            await link.stop()
            after = await source.discover()

    assert ids(behind) == ["n1"]
    assert ids(before) == ids(after) == ["n1", "n2"]


async def test_an_etcd_that_was_wiped_is_followed(etcd: Etcd) -> None:
    """An empty disk behind the only endpoint: the peer is kept, our record is made again, and the log says so."""
    log = Log()
    source, registration = make_source(log, etcd.endpoint), make_registration(etcd.endpoint, ttl=5)
    registration.start()
    await until_state(registration, RegistrationState.REGISTERED)
    for _ in range(10):  # so that what happens after the wipe does not catch up with what was before
        await etcd.ctl("put", "/engram/c/n2", '{"Op":0,"Addr":"10.0.0.2:7946"}')
    source.start()
    await until_watching(source, 2)
    sizes: set[int] = set()

    async def is_back() -> bool:
        sizes.add(len(source.snapshot()))
        return (
            "etcd.history_reset" in log.events
            and registration.state is RegistrationState.REGISTERED
            and source.status().watching
        )

    etcd.kill()
    etcd.wipe()
    await etcd.start()
    await wait_until(is_back, within=45, what="reset, registered and watching")
    await registration.aclose()
    await source.aclose()

    assert 0 not in sizes
