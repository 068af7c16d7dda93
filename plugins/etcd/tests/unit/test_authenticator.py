"""Tokens: asked for once, replaced when they die, not asked for in a storm."""

from types import SimpleNamespace
from typing import Any

import pytest

from engram_discovery_etcd.authenticator import Authenticator
from engram_discovery_etcd.settings import EtcdSettings
from plugins.etcd.tests.factories import Log

SETTINGS = EtcdSettings.model_validate({"user": "engram", "password": "secret-pw"})


class Server:
    """Hands out tokens, as etcd's Authenticate does."""

    def __init__(self) -> None:
        self.log_ins = 0
        self.stubs = self
        self.target = "127.0.0.1:2379"

    async def authenticate(self, request: Any, timeout: float) -> Any:
        self.log_ins += 1
        return SimpleNamespace(token=f"canary-{self.log_ins}")


@pytest.fixture
def server() -> Any:
    return Server()


async def test_a_token_serves_until_it_is_refused(server: Any) -> None:
    """One log-in for many calls, one more after the token died."""
    access = Authenticator(SETTINGS, Log())

    first = await access.metadata(server, 1)
    access.accepted()
    again = await access.metadata(server, 1)
    retry = access.refused(again)
    new = await access.metadata(server, 1)

    assert first is again
    assert retry
    assert ("token", "canary-2") in new
    assert server.log_ins == 2


async def test_a_token_refused_at_once_is_not_replaced_at_once(server: Any) -> None:
    """Each log-in costs etcd a password hash: the host's back-off decides about the next."""
    access = Authenticator(SETTINGS, Log())

    retry = access.refused(await access.metadata(server, 1))

    assert not retry


async def test_two_calls_refused_together_log_in_once(server: Any) -> None:
    """The second finds that the first has replaced the token already."""
    access = Authenticator(SETTINGS, Log())
    old = await access.metadata(server, 1)
    access.accepted()

    first = access.refused(old)
    await access.metadata(server, 1)
    second = access.refused(old)
    await access.metadata(server, 1)

    assert (first, second) == (True, True)
    assert server.log_ins == 2


async def test_every_call_asks_for_a_leader_and_no_repr_shows_the_token(server: Any) -> None:
    """Without ``hasleader`` a member without quorum is silent for ever."""
    access = Authenticator(SETTINGS, Log())

    metadata = await access.metadata(server, 1)

    assert ("hasleader", "true") in metadata
    assert "canary" not in repr(metadata)
    assert ("hasleader", "true") in await Authenticator(EtcdSettings(), Log()).metadata(server, 1)
