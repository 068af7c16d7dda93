"""The provider ``static``: every address of every seed node."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from engram_discovery.errors import DiscoveryError, FailureKind, ResolutionError
from engram_discovery.hookspecs import PluginContext
from engram_discovery.host import PluginHost
from engram_discovery.network.address import Address
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.testing.virtual_time import in_virtual_time
from engram_discovery.types import Empty, Endpoint
from engram_discovery_static.discoverer import StaticDiscoverer
from engram_discovery_static.settings import StaticSettings

#: Seconds that the host gives; passed over in virtual time where they are waited for.
DEADLINE = 30.0


@dataclass
class Log:
    """A logger that remembers events and the seeds they are about."""

    events: list[tuple[str, str]] = field(default_factory=list)

    def debug(self, event: str, **facts: Any) -> None: ...

    def info(self, event: str, **facts: Any) -> None:
        self.events.append((event, facts["seed"]))

    def warning(self, event: str, **facts: Any) -> None:
        self.events.append((event, facts["seed"]))

    def error(self, event: str, **facts: Any) -> None: ...

    def bind(self, **_facts: Any) -> Log:
        return self


@dataclass
class Names:
    """A resolver that knows the given names, and hangs on those it is told to."""

    known: dict[str, list[str]] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def look_up(self, host: str, port: int, *, timeout: float) -> tuple[Address, ...]:
        self.asked.append(host)
        if host in self.hanging:
            await asyncio.sleep(timeout)
            raise ResolutionError(f"{host}: no answer", kind=FailureKind.TIMEOUT)
        if host not in self.known:
            raise ResolutionError(f"{host}: unknown name", kind=FailureKind.DNS_FAILURE)
        return tuple(Address(address, port) for address in self.known[host])


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def context(log: Log) -> PluginContext:
    return PluginContext(provider="static", identity=None, logger=log, clock=SystemClock(), timeout=DEADLINE)


@pytest.fixture
def make(context: Any) -> Any:
    """Make a discoverer of these seed nodes over a scripted resolver."""

    def make(seed_nodes: object, names: Names | None = None) -> StaticDiscoverer:
        look_up = (names or Names()).look_up
        return StaticDiscoverer(StaticSettings(seed_nodes=seed_nodes), context, resolver=look_up)

    return make


def hosts(found: Any) -> list[str]:
    return [str(endpoint) for endpoint in found.endpoints]


async def test_no_seed_nodes_is_empty(make: Any) -> None:
    """An empty list is an answer, not an error."""
    assert await make([]).discover() == Empty("no seed nodes are configured")


async def test_addresses_are_not_looked_up(make: Any) -> None:
    """IP literals pass as they are, with the default port where none is given."""
    names = Names()

    found = await make(["192.0.2.1", "[2001:db8::1]", "[fe80::1%eth0]:8000"], names).discover()

    assert hosts(found) == ["192.0.2.1:7946", "[2001:db8::1]:7946", "[fe80::1%eth0]:8000"]
    assert found.complete
    assert names.asked == []


async def test_every_address_of_every_name_is_a_seed(make: Any) -> None:
    """A name with several addresses stands for all of them, in the order of the list."""
    names = Names({"a.example": ["192.0.2.1", "2001:db8::1"], "b.example": ["192.0.2.2"]})

    found = await make(["b.example:8000", "a.example"], names).discover()

    assert hosts(found) == ["192.0.2.2:8000", "192.0.2.1:7946", "[2001:db8::1]:7946"]
    assert {endpoint.source for endpoint in found.endpoints} == {"static"}


async def test_duplicates_collapse(make: Any) -> None:
    """Case, a trailing dot, mapped IPv4 and two names of one address make one seed."""
    names = Names({"a.example": ["192.0.2.1"], "alias.example": ["192.0.2.1"]})

    found = await make(
        ["a.example", "A.Example.", "[::ffff:192.0.2.1]", "192.0.2.1:7946", "alias.example"], names
    ).discover()

    assert hosts(found) == ["192.0.2.1:7946"]
    assert sorted(names.asked) == ["a.example", "alias.example"]


@in_virtual_time
async def test_a_thousand_seeds_with_duplicates(make: Any) -> None:
    """A long list is resolved within the deadline, each name once."""
    names = Names({f"n{i}.example": [f"10.0.{i // 250}.{i % 250}"] for i in range(500)})

    found = await make([f"N{i % 500}.example." for i in range(1000)], names).discover()

    assert len(found.endpoints) == 500
    assert len(names.asked) == 500


async def test_a_bad_name_among_good_ones_stays_a_seed(make: Any, log: Any) -> None:
    """A name that does not resolve keeps its place; the answer is incomplete and soon asked for again."""
    names = Names({"a.example": ["192.0.2.1"]})

    found = await make(["a.example", "b.example", "192.0.2.3"], names).discover()

    assert hosts(found) == ["192.0.2.1:7946", "b.example:7946", "192.0.2.3:7946"]
    assert not found.complete
    assert found.ttl is not None
    assert log.events == [("static.seed_unresolved", "b.example:7946")]


async def test_a_name_is_looked_up_anew_and_logged_when_it_changes(make: Any, log: Any) -> None:
    """Each call resolves again; the log has one line a change, not one a call."""
    names = Names({"a.example": ["192.0.2.1"]})
    discoverer = make(["a.example", "b.example"], names)

    first = [hosts(await discoverer.discover()) for _ in range(2)]
    names.known["b.example"] = ["192.0.2.2"]
    names.known["a.example"] = ["192.0.2.9"]
    second = [await discoverer.discover() for _ in range(2)]
    del names.known["b.example"]
    await discoverer.discover()

    assert first == [["192.0.2.1:7946", "b.example:7946"]] * 2
    assert hosts(second[-1]) == ["192.0.2.9:7946", "192.0.2.2:7946"]
    assert second[-1].complete
    assert [event for event, _ in log.events] == [
        "static.seed_unresolved",
        "static.seed_resolved",
        "static.seed_unresolved",
    ]


async def test_nothing_that_resolves_is_a_failure(make: Any) -> None:
    """If there is no address at all the round has failed: a chain goes on to the next source."""
    with pytest.raises(
        DiscoveryError, match=r"none of the 2 seed nodes resolves: a\.example: unknown"
    ) as caught:
        await make(["a.example", "b.example"]).discover()

    assert caught.value.kind is FailureKind.DNS_FAILURE


@in_virtual_time
async def test_a_dead_resolver_is_a_timeout(make: Any) -> None:
    """If every look-up timed out, so did the round, and within the deadline of the host."""
    names = Names(hanging={"a.example"})

    async with asyncio.timeout(DEADLINE):
        with pytest.raises(DiscoveryError) as caught:
            await make(["a.example"], names).discover()

    assert caught.value.kind is FailureKind.TIMEOUT


@in_virtual_time
async def test_a_dead_resolver_does_not_cost_the_addresses(make: Any) -> None:
    """Addresses given as such are used while every name hangs, and before the host's deadline."""
    names = Names(hanging={"a.example"})

    async with asyncio.timeout(DEADLINE):
        found = await make(["a.example", "192.0.2.1"], names).discover()

    assert hosts(found) == ["a.example:7946", "192.0.2.1:7946"]


@in_virtual_time
async def test_names_that_hang_do_not_starve_the_others(make: Any) -> None:
    """However many names hang, every other one has its turn within a few rounds."""
    hanging = {f"dead{i}.example" for i in range(100)}
    names = Names({"a.example": ["192.0.2.1"]}, hanging=hanging)
    discoverer = make([*sorted(hanging), "a.example", "192.0.2.9"], names)

    await discoverer.discover()
    second = await discoverer.discover()
    names.known["dead40.example"] = ["192.0.2.2"]
    names.hanging.remove("dead40.example")
    for _ in range(2):
        fourth = await discoverer.discover()

    assert "192.0.2.1:7946" in hosts(second)
    assert {"192.0.2.1:7946", "192.0.2.2:7946"} <= set(hosts(fourth))


async def test_names_are_looked_up_together(make: Any) -> None:
    """The look-ups run at the same time: each waits for all the others to have begun."""
    began = asyncio.Barrier(20)

    class Together(Names):
        async def look_up(self, host: str, port: int, *, timeout: float) -> tuple[Address, ...]:
            await began.wait()
            return (Address("192.0.2.1", port),)

    found = await make([f"n{i}.example" for i in range(20)], Together()).discover()

    assert found.complete


async def test_the_systems_resolver_is_used(context: Any) -> None:
    """Made by the host from its entry point, the provider resolves a real name."""
    host = PluginHost()
    settings = host.provider("static").settings_model(seed_nodes="localhost, 127.0.0.1:8000")

    discoverer = host.create_discoverer("static", settings, context)
    found = await discoverer.discover()
    await discoverer.aclose()

    assert Endpoint("127.0.0.1", 7946) in found.endpoints
    assert Endpoint("127.0.0.1", 8000) in found.endpoints


def test_text_with_commas_is_a_list() -> None:
    """An environment variable can hold the list."""
    assert StaticSettings(seed_nodes=" a:1, b ,").seed_nodes == ("a:1", "b:7946")


@pytest.mark.parametrize("bad", ["a:0", "a:70000", "::1", "a b", "", "a:http", 7, None])
def test_a_bad_seed_node_is_named_by_its_place(bad: Any) -> None:
    """What is no address is refused before anything runs, and the error says which one."""
    with pytest.raises(ValidationError) as caught:
        StaticSettings(seed_nodes=["good:1", bad])

    assert [error["loc"] for error in caught.value.errors()] == [("seed_nodes", 1)]


def test_unknown_keys_are_refused() -> None:
    """A misspelt key is an error, not a silent default."""
    with pytest.raises(ValidationError, match="seed_node"):
        StaticSettings(seed_node=["a:1"])


def test_the_plugin_module_imports_only_its_settings() -> None:
    """Naming the provider does not import what does its work."""
    heavy = "engram_discovery_static.discoverer"
    program = f"import sys, engram_discovery_static.plugin; print({heavy!r} in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert done.stdout.strip() == "False"
