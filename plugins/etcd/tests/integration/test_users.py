"""An etcd that asks who we are: log-in, tokens that die, rights that lack, and no secret in any message."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.settings.secrets import Secret
from plugins.etcd.tests.factories import Log, Watching, discoverer, ids, make_context, make_node, registrar
from plugins.etcd.tests.integration.certificates import make_certificates
from tests.servers.etcd import Etcd

pytestmark = pytest.mark.server

US = {"user": "engram", "password": "secret-pw"}
ROOT = ["--user=root:root"]


@pytest.fixture
async def guarded(tmp_path: Path, program: Path) -> AsyncIterator[Etcd]:
    """An etcd with users, whose tokens live three seconds."""
    async with Etcd(tmp_path / "etcd", program=program, flags=["--auth-token-ttl=3"]) as server:
        await server.enable_auth()
        yield server


async def test_a_user_may_register_and_watch(guarded: Etcd) -> None:
    """One log-in serves all calls."""
    log = Log()
    context = make_context(log)
    async with (
        discoverer(guarded.endpoint, context=context, **US) as source,
        registrar(guarded.endpoint, **US) as registry,
        Watching(source) as watch,
    ):
        first = await watch.next()
        await registry.register(make_node())
        joined = await watch.next()

    assert [ids(first), ids(joined)] == [[], ["n1"]]
    assert log.events.count("etcd.authenticated") == 1


async def test_an_expired_token_is_replaced_once(guarded: Etcd) -> None:
    """After a pause longer than the token's life the next call logs in again and succeeds."""
    log = Log()
    async with registrar(guarded.endpoint, context=make_context(log), **US) as registry:
        await registry.register(make_node())
        await asyncio.sleep(5)

        await registry.renew()
        seen = await registry.verify()

    assert seen
    assert log.events.count("etcd.authenticated") == 2


async def test_a_watch_with_an_expired_token_logs_in_once(guarded: Etcd) -> None:
    """Etcd answers such a watch with a cancellation and no error: a new token, and the watch tells what happened."""
    log = Log()
    async with registrar(guarded.endpoint, context=make_context(log), **US) as registry:
        await registry.register(make_node())
        await registry.verify()
        await guarded.ctl("del", "/engram/c/n1", flags=ROOT)
        await asyncio.sleep(5)

        await asyncio.wait_for(registry.wait_for_change(), 15)

    assert log.events.count("etcd.authenticated") == 2


async def test_a_restart_voids_tokens_and_we_go_on(guarded: Etcd) -> None:
    """Watch and registration find their way back after etcd forgot every token."""
    async with (
        discoverer(guarded.endpoint, **US) as source,
        registrar(guarded.endpoint, **US) as registry,
    ):
        await registry.register(make_node())
        await source.discover()
        await guarded.restart()

        await registry.renew()
        async with Watching(source) as watch:
            answer = await watch.next()

    assert ids(answer) == ["n1"]


async def test_auth_that_is_switched_on_while_we_run(etcd: Etcd) -> None:
    """With a user configured it makes no difference, to a lease neither; without one the message says what to set."""
    async with (
        discoverer(etcd.endpoint, **US) as known,
        discoverer(etcd.endpoint) as unknown,
        registrar(etcd.endpoint, **US) as registry,
    ):
        await known.discover()
        await unknown.discover()
        await registry.register(make_node())
        await etcd.enable_auth()

        assert await known.discover()
        assert await registry.renew()
        assert await registry.verify()
        with pytest.raises(DiscoveryError, match=r"asks for a user: set cluster\.etcd\.user") as failure:
            await unknown.discover()

    assert (failure.value.kind, failure.value.retryable) == (FailureKind.UNAUTHORIZED, False)


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({**US, "password": "canary-7f3a"}, FailureKind.UNAUTHORIZED, "etcd refuses user or password"),
        ({**US, "user": "nobody"}, FailureKind.UNAUTHORIZED, "etcd refuses user or password"),
        ({**US, "user": "idle"}, FailureKind.FORBIDDEN, "permission denied: the user's role"),
        ({**US, "prefix": "/foreign"}, FailureKind.FORBIDDEN, "permission denied: the user's role"),
    ],
)
async def test_refusals_have_words_of_their_own_and_hold_no_secret(
    guarded: Etcd, settings: dict[str, str], kind: FailureKind, text: str
) -> None:
    """What is wrong is told apart; neither message nor traceback with its locals shows the password."""
    async with discoverer(guarded.endpoint, **settings) as source:
        with pytest.raises(DiscoveryError) as failure:
            await source.discover()

    ours = failure.value.__traceback__.tb_next  # without the frame of this test, which knows the password
    shown = "".join(
        traceback.TracebackException(type(failure.value), failure.value, ours, capture_locals=True).format()
    )
    assert (failure.value.kind, failure.value.retryable) == (kind, False)
    assert text in str(failure.value)
    assert "self = " in shown
    assert settings["password"] not in shown


async def test_a_password_file_is_read_again(guarded: Etcd, tmp_path: Path) -> None:
    """When the password changed with its file, the next log-in uses the new one."""
    file = tmp_path / "password"
    file.write_text("secret-pw\n")
    secret = Secret("secret-pw", file)
    async with discoverer(guarded.endpoint, user="engram", password=secret) as source:
        await source.discover()
        await guarded.ctl("user", "passwd", "engram", "--interactive=false", flags=ROOT, stdin="other-pw\n")
        file.write_text("other-pw\n")

        assert await source.discover()


async def test_a_certificate_can_be_the_user(tmp_path: Path, program: Path) -> None:
    """With mutual TLS etcd takes the certificate's common name for the user: no password is needed."""
    certificates = make_certificates(tmp_path)
    server = Etcd(tmp_path / "etcd", program=program, tls=certificates.mutual)
    async with server as etcd:
        await etcd.enable_auth(flags=certificates.etcdctl)
        async with registrar(etcd.url, **certificates.mine) as registry:
            await registry.register(make_node())

            assert await registry.verify()
