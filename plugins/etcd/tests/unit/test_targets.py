"""Which addresses there are to try, and in which order."""

import socket
import threading
from typing import Any

import pytest

from engram_discovery.errors import FailureKind
from engram_discovery_etcd.targets import Target, Targets

NAMES: dict[str, list[str]] = {"one.test": ["10.0.0.1"], "three.test": ["10.0.1.1", "10.0.1.2", "10.0.1.3"]}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the system's resolver knows; a test may change it."""
    names = dict(NAMES)

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        addresses = names.get(host, [host] if host[0].isdigit() else [])
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


async def hosts(targets: Targets) -> list[str]:
    order, _ = await targets.look_up(5)
    return [target.address.host for target in order]


async def test_all_addresses_of_all_endpoints_in_their_order(names: dict[str, list[str]]) -> None:
    """A name stands for each of its addresses; what is shown tells which of them."""
    targets = Targets(["10.0.0.9:1", "three.test:2"])

    order, failures = await targets.look_up(5)

    shown = ["10.0.0.9:1", "three.test:2 at 10.0.1.1", "three.test:2 at 10.0.1.2", "three.test:2 at 10.0.1.3"]
    assert [str(target) for target in order] == shown
    assert [target.name for target in order] == [None, "three.test", "three.test", "three.test"]
    assert failures == {}


async def test_what_failed_goes_last_and_stays_there(names: dict[str, list[str]]) -> None:
    """The order outlives the next look-up; what served comes first, and those after it next."""
    targets = Targets(["three.test:2"])
    first = (await targets.look_up(5))[0][0]

    targets.put_last(first)
    after_failure = await hosts(targets)
    targets.prefer((await targets.look_up(5))[0][1])
    after_success = await hosts(targets)

    assert after_failure == ["10.0.1.2", "10.0.1.3", "10.0.1.1"]
    assert after_success == ["10.0.1.3", "10.0.1.1", "10.0.1.2"]


async def test_a_name_is_followed_where_it_goes(names: dict[str, list[str]]) -> None:
    """New addresses come last, and those that the name lost are not tried again."""
    targets = Targets(["three.test:2"])
    gone: Target = (await targets.look_up(5))[0][0]

    names["three.test"] = ["10.0.1.4", "10.0.1.3"]
    moved = await hosts(targets)
    targets.put_last(gone)

    assert moved == await hosts(targets) == ["10.0.1.3", "10.0.1.4"]


async def test_a_name_that_cannot_be_looked_up_keeps_its_addresses(names: dict[str, list[str]]) -> None:
    """The outage of a resolver is not one of etcd; a name that never had an address is a failure of its own."""
    targets = Targets(["one.test:2", "never.test:2"])
    await targets.look_up(5)

    names["one.test"] = []
    order, failures = await targets.look_up(5)

    assert [target.address.host for target in order] == ["10.0.0.1"]
    assert list(failures) == ["never.test:2"]
    assert failures["never.test:2"].kind is FailureKind.DNS_FAILURE
    assert str(failures["never.test:2"]) == "its name cannot be resolved: Name or service not known"


async def test_a_resolver_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be looked up in time is tried; the rest is a failure that says so."""
    release = threading.Event()

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        if host == "hangs.test":
            release.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    order, failures = await Targets(["hangs.test:2", "10.0.0.1:2"]).look_up(2)
    release.set()

    assert [str(target) for target in order] == ["10.0.0.1:2"]
    assert failures["hangs.test:2"].kind is FailureKind.TIMEOUT
