"""Our record in a real etcd: leases that expire, are revoked, and keys that others touch."""

import json
from pathlib import Path

import pytest

from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.types import CheckStatus, Lease
from engram_discovery_etcd.client import EtcdClient
from engram_discovery_etcd.health import EtcdHealthCheck
from engram_discovery_etcd.settings import EtcdSettings
from plugins.etcd.tests.factories import make_context, make_identity, make_node, registrar
from tests.servers.etcd import Etcd
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

KEY = "/engram/c/n1"


async def keys(etcd: Etcd) -> list[str]:
    return (await etcd.ctl("get", "/engram/", "--prefix", "--keys-only")).split()


async def leases(etcd: Etcd) -> list[str]:
    return (await etcd.ctl("lease", "list")).split()[3:]


async def test_a_record_is_a_key_under_a_lease(etcd: Etcd) -> None:
    """The value is what gRPC's etcd resolver reads; the lease has the TTL that was granted; a read shows it."""
    async with registrar(etcd.endpoint, ttl=30) as registry:
        lease = await registry.register(make_node())
        seen = await registry.verify()
        value = json.loads(await etcd.ctl("get", KEY, "--print-value-only"))

    assert (lease, seen) == (Lease(30.0), True)
    assert (value["Op"], value["Addr"]) == (0, "10.0.0.1:7946")
    assert value["Metadata"]["node_id"] == "n1"


async def test_the_granted_ttl_counts(etcd: Etcd) -> None:
    """Etcd grants no less than its election takes: what it says is what we renew by."""
    async with registrar(etcd.endpoint, ttl=1) as registry:
        granted = await registry.register(make_node())
        renewed = await registry.renew()

    assert granted == renewed == Lease(2.0)


async def test_without_renewal_the_key_goes_with_its_lease(etcd: Etcd) -> None:
    """A node that dies is gone after the TTL."""
    async with registrar(etcd.endpoint, ttl=2) as registry:
        await registry.register(make_node())

        async def gone() -> bool:
            return not await keys(etcd)

        await wait_until(gone, within=20, what="the key is gone")
        with pytest.raises(RegistrationError, match="is gone") as failure:
            await registry.renew()

    assert failure.value.kind is FailureKind.NOT_FOUND


async def test_a_revoked_lease_is_lost_and_replaced(etcd: Etcd) -> None:
    """Etcd answers a keep-alive of a dead lease without complaint and without a TTL: that is no success."""
    async with registrar(etcd.endpoint) as registry:
        await registry.register(make_node())
        [lease] = await leases(etcd)
        await etcd.ctl("lease", "revoke", lease)

        with pytest.raises(RegistrationError) as failure:
            await registry.renew()
        await registry.register(make_node())

        assert failure.value.kind is FailureKind.NOT_FOUND
        assert await registry.verify()
        assert await leases(etcd) != [lease]


async def test_a_deleted_key_is_put_back_under_the_same_lease(etcd: Etcd) -> None:
    """Verify sees the loss; registering again makes no second lease."""
    async with registrar(etcd.endpoint) as registry:
        await registry.register(make_node())
        before = await leases(etcd)
        await etcd.ctl("del", KEY)

        seen = await registry.verify()
        await registry.register(make_node())

        assert not seen
        assert await registry.verify()
        assert await leases(etcd) == before


@pytest.mark.parametrize("value", ["garbage", '{"Op":0,"Addr":"10.6.6.6:1","Metadata":{"generation":1}}'])
async def test_an_overwritten_key_is_taken_back(etcd: Etcd, value: str) -> None:
    """What an older run, or anybody, wrote over our key is not ours, and we write again."""
    async with registrar(etcd.endpoint) as registry:
        await registry.register(make_node(generation=2))
        await etcd.ctl("put", KEY, value)

        seen = await registry.verify()
        await registry.register(make_node(generation=2))

        assert not seen
        assert await registry.verify()


async def test_a_newer_run_of_us_is_left_alone(etcd: Etcd) -> None:
    """The older of two runs stops, says which generation it saw, and takes nothing down when it goes."""
    async with registrar(etcd.endpoint) as old, registrar(etcd.endpoint) as new:
        await old.register(make_node(generation=1))
        await new.register(make_node(generation=2))

        with pytest.raises(RegistrationError, match=r"generation 2 .* we are 1") as failure:
            await old.verify()
        with pytest.raises(RegistrationError, match="generation 2"):
            await old.register(make_node(generation=1))
        await old.deregister()

        assert failure.value.kind is FailureKind.SUPERSEDED
        assert await new.verify()


async def test_deregistering_takes_key_and_lease_away_at_once(etcd: Etcd) -> None:
    """A graceful stop leaves nothing, and may be called twice."""
    async with registrar(etcd.endpoint) as registry:
        await registry.register(make_node())

        await registry.deregister()
        await registry.deregister()

        assert await keys(etcd) == []
        assert await leases(etcd) == []


async def test_deregistering_after_the_lease_died_is_no_error(etcd: Etcd) -> None:
    """There is nothing to remove, and that is what was wanted."""
    async with registrar(etcd.endpoint) as registry:
        await registry.register(make_node())
        [lease] = await leases(etcd)
        await etcd.ctl("lease", "revoke", lease)

        await registry.deregister()


async def fill(etcd: Etcd) -> None:
    async def is_full() -> bool:
        try:
            await etcd.ctl("put", "/other", "x" * 120_000)
        except RuntimeError as error:
            return "space exceeded" in str(error)
        return False

    await wait_until(is_full, within=30, what="etcd is full")


async def test_a_full_etcd_says_so(tmp_path: Path, program: Path) -> None:
    """NOSPACE is not a reason to look elsewhere, nor a hopeless one: an operator makes room."""
    server = Etcd(tmp_path, program=program, flags=["--quota-backend-bytes=200000"])
    async with server as etcd, registrar(etcd.endpoint) as registry:
        await fill(etcd)

        with pytest.raises(RegistrationError, match="etcd is full") as failure:
            await registry.register(make_node())

    assert failure.value.kind is FailureKind.UNAVAILABLE


async def test_the_health_check_tells_quorum_and_lease(etcd: Etcd) -> None:
    """Passing with the seconds our lease has left; a warning when our record vanished; critical without etcd."""
    context = make_context(identity=make_identity())
    table = EtcdSettings.model_validate({"endpoints": [etcd.endpoint]})
    check = EtcdHealthCheck(table, context, EtcdClient(table, context))
    async with registrar(etcd.endpoint) as registry:
        await registry.register(make_node())
        healthy = await check.check()
        await etcd.ctl("del", KEY)
        gone = await check.check()
        etcd.kill()
        down = await check.check()

    assert check.name == "etcd"
    assert healthy.status is CheckStatus.PASSING
    assert healthy.details["lease_seconds"] in range(15, 31)
    assert (gone.status, gone.output) == (CheckStatus.WARNING, "our record is gone from /engram/c/")
    assert down.status is CheckStatus.CRITICAL
    assert "connection refused" in down.output
