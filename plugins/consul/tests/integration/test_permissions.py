"""ACLs that deny by default, and tokens that are missing, too weak, revoked and rotated, at a real Consul."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind, RegistrationError
from engram_discovery.registration.registration import RegistrationState
from engram_discovery.settings.field_types import Secret
from engram_discovery.sources.status import Outcome
from engram_discovery.types import Found
from plugins.consul.tests.factories import ENOUGH, Maker, record
from plugins.consul.tests.integration.waiting import until_outcome, until_state
from tests.servers.consul import Consul, acl_configuration
from tests.servers.process import wait_until

pytestmark = pytest.mark.server

OURS = record()


@pytest.fixture
async def consul(tmp_path: Path) -> AsyncIterator[Consul]:
    async with Consul(tmp_path, configuration=acl_configuration()) as agent:
        await agent.add("engram-p1", Address="192.0.2.1")
        yield agent


async def test_the_documented_policy_is_enough(consul: Consul) -> None:
    """With it a node registers, is verified, finds the others, checks its health, and takes its record away."""
    _, secret = await consul.make_token(ENOUGH)
    async with Maker(consul.addr, token=Secret(secret), check="ttl") as make:
        registration = make.registration(OURS)
        await until_state(registration, RegistrationState.REGISTERED)

        found = await make.discoverer(OURS).discover()
        check = await make.health_check(OURS).check()
        await registration.aclose()

        assert isinstance(found, Found)
        assert {one.host for one in found.endpoints} == {"127.0.0.1", "192.0.2.1"}
        assert check.status == "passing"
        assert (await consul.service()).keys() == {"engram-p1"}
        assert make.log.warnings == []


async def test_a_missing_permission_is_named(consul: Consul) -> None:
    """A refusal says which rule the policy lacks, as it would have to be written."""
    _, reader = await consul.make_token(
        'service "engram" { policy = "read" } node_prefix "" { policy = "read" }'
    )
    async with Maker(consul.addr, token=Secret(reader)) as make:
        with pytest.raises(RegistrationError) as refusal:
            await make.registrar(OURS).register(OURS)

    assert refusal.value.kind is FailureKind.FORBIDDEN
    assert not refusal.value.retryable
    assert """the token's policy needs: service "engram" { policy = "write" }""" in str(refusal.value)
    assert reader not in str(refusal.value)


@pytest.mark.parametrize(
    ("rules", "cause"),
    [
        (None, "denies by default and cluster.consul.token is not set"),
        ('key_prefix "" { policy = "read" }', "lacks read permission"),
        ('service "engram" { policy = "read" }', "lacks read permission"),
    ],
)
async def test_a_list_emptied_by_acls_is_no_empty_list(consul: Consul, rules: str | None, cause: str) -> None:
    """Consul answers 200 and [] to those who may not see: a failure that names the rules, never "nobody"."""
    token = Secret((await consul.make_token(rules))[1]) if rules else None
    async with Maker(consul.addr, token=token) as make:
        with pytest.raises(DiscoveryError) as refusal:
            await make.discoverer(OURS).discover()

    assert refusal.value.kind is FailureKind.FORBIDDEN
    assert cause in str(refusal.value)
    assert 'service "engram" { policy = "read" } and node_prefix "" { policy = "read" }' in str(refusal.value)


async def test_a_wrong_token_is_named_and_not_shown(consul: Consul) -> None:
    """A token that Consul does not know: unauthorized, what to do, and the token itself nowhere."""
    bogus = "deadbeef-0000-4000-8000-000000000000"
    async with Maker(consul.addr, token=Secret(bogus)) as make:
        registrar = make.registrar(OURS)
        with pytest.raises(RegistrationError, match="ACL not found") as refusal:
            await registrar.register(OURS)

        assert refusal.value.kind is FailureKind.UNAUTHORIZED
        assert "cluster.consul.token_file" in str(refusal.value)
        shown = [
            str(refusal.value),
            repr(refusal.value.__cause__),
            repr(make.settings),
            str(make.log.all_events),
        ]
        assert bogus not in " ".join(shown)


async def test_a_token_that_is_rotated_is_used_before_the_old_one_goes(
    consul: Consul, tmp_path: Path
) -> None:
    """The file changes: at the next reading we are registered with the new token, and it removes the record too."""
    old_id, old = await consul.make_token(ENOUGH)
    _, new = await consul.make_token(ENOUGH)
    file = tmp_path / "token"
    file.write_text(old)
    async with Maker(consul.addr, token=Secret(old, file), check="ttl", ttl=6) as make:
        registration = make.registration(OURS)
        await until_state(registration, RegistrationState.REGISTERED)

        file.write_text(new + "\n")
        renewals = registration.renewals
        await wait_until(
            lambda: renewed(registration, renewals + 2), within=30, what="the new token was used"
        )
        await consul.call("DELETE", f"acl/token/{old_id}")
        renewals = registration.renewals
        await wait_until(
            lambda: renewed(registration, renewals + 2), within=30, what="renewed with the new token"
        )
        await registration.aclose()

        assert registration.failures == {}
        assert (await consul.service()).keys() == {"engram-p1"}


async def test_the_agent_works_with_the_new_token_too(consul: Consul, tmp_path: Path) -> None:
    """What the agent itself tells the catalogue of our record goes by the new token after a rotation."""
    old_id, old = await consul.make_token(ENOUGH)
    _, new = await consul.make_token(ENOUGH)
    file = tmp_path / "token"
    file.write_text(old)
    async with Maker(consul.addr, token=Secret(old, file), check="ttl", ttl=3) as make:
        registrar = make.registrar(OURS)
        await registrar.register(OURS)

        file.write_text(new)
        assert await registrar.verify()
        await consul.call("DELETE", f"acl/token/{old_id}")

        async def critical() -> bool:
            return (await consul.service())["engram-n1"]["Checks"][-1]["Status"] == "critical"

        await wait_until(critical, within=20, what="the agent tells that we fell silent")


async def renewed(registration: object, times: int) -> bool:
    return registration.renewals >= times  # type: ignore[attr-defined]


async def test_a_revoked_token_drops_nobody_and_a_new_one_mends_it(consul: Consul, tmp_path: Path) -> None:
    """Deleted while a query waits: the query is cut, peers are kept, and the next token in the file is taken."""
    accessor, old = await consul.make_token(ENOUGH)
    _, new = await consul.make_token(ENOUGH)
    file = tmp_path / "token"
    file.write_text(old)
    async with Maker(consul.addr, token=Secret(old, file), wait=60, check="ttl") as make:
        registration, source = make.registration(OURS), make.source(OURS)
        await until_state(registration, RegistrationState.REGISTERED)
        await wait_until(lambda: watching(source), within=20, what="it watches")
        await asyncio.sleep(4)  # the next query waits at the agent

        await consul.call("DELETE", f"acl/token/{accessor}")
        await until_outcome(source, Outcome.FAILED, within=15)
        status, kept = source.status(), {one.host for one in source.snapshot()}
        file.write_text(new)
        await until_outcome(source, Outcome.FOUND, within=60)

        assert status.error_kind is FailureKind.UNAUTHORIZED
        assert "192.0.2.1" in kept
        await until_state(registration, RegistrationState.REGISTERED, within=60)


async def test_a_revoked_token_is_named_by_whatever_reads(consul: Consul) -> None:
    """A query that begins just after a token went waits in silence: check, registration and full read speak up."""
    accessor, secret = await consul.make_token(ENOUGH)
    async with Maker(consul.addr, token=Secret(secret), check="ttl") as make:
        registrar, discoverer = make.registrar(OURS), make.discoverer(OURS)
        await registrar.register(OURS)
        await discoverer.discover()

        await consul.call("DELETE", f"acl/token/{accessor}")
        check = await make.health_check(OURS).check()
        with pytest.raises(RegistrationError) as unverified:
            await registrar.verify()
        with pytest.raises(DiscoveryError) as unread:
            await discoverer.discover()

    assert (check.status, check.details["kind"]) == ("critical", FailureKind.UNAUTHORIZED)
    assert {unverified.value.kind, unread.value.kind} == {FailureKind.UNAUTHORIZED}


async def watching(source: object) -> bool:
    return source.status().watching and len(source.snapshot()) == 2  # type: ignore[attr-defined]


async def test_the_environment_changes_nothing(consul: Consul, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Consul's own variables nor a proxy override what the settings say."""
    _, secret = await consul.make_token(ENOUGH)
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "deadbeef-0000-4000-8000-000000000000")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "https://192.0.2.99:1")
    monkeypatch.setenv("CONSUL_HTTP_SSL", "true")
    monkeypatch.setenv("http_proxy", "http://192.0.2.99:1")
    async with Maker(consul.addr, token=Secret(secret)) as make, Maker(consul.addr) as anonymous:
        found = await make.discoverer(OURS).discover()
        with pytest.raises(DiscoveryError, match="token is not set"):
            await anonymous.discoverer(OURS).discover()

    assert isinstance(found, Found)
