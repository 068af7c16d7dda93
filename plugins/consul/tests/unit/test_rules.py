"""The rules without a network: index, pace, entries, records, settings."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engram_discovery.network.address import Address
from engram_discovery.testing import FakeClock
from engram_discovery_consul.blocking import RateLimiter, deadline, next_index, parse_index
from engram_discovery_consul.failures import ConsulError
from engram_discovery_consul.instances import Instance, InstanceReader, newest_of_each_node
from engram_discovery_consul.record import definition
from engram_discovery_consul.settings import ConsulSettings
from plugins.consul.tests.factories import ENOUGH, record
from plugins.consul.tests.scripted import entry


def read(entries: Any, tagged_address: str | None = None) -> tuple[list[Instance], int]:
    return InstanceReader(source="consul", tagged_address=tagged_address).read(json.dumps(entries).encode())


def test_the_index_follows_consuls_rules() -> None:
    """Below 1 counts as 1, backwards starts again at 0, equal and forwards go on; the deadline leaves room."""
    assert [parse_index(text) for text in ("0", "-1", "1", "7")] == [1, 1, 1, 7]
    assert [next_index(5, answered) for answered in (4, 5, 6)] == [0, 5, 6]
    assert deadline(320) == 320 + 20 + 10


@given(st.text(max_size=40))
def test_any_header_is_an_index_or_an_error(text: str) -> None:
    """No header makes it raise anything else, or an index out of range."""
    try:
        index = parse_index(text)
    except ConsulError:
        return
    assert 1 <= index < 2**64


async def test_the_pace_is_one_a_second_after_two() -> None:
    """However fast answers come; credit is never saved up beyond the burst."""
    clock = FakeClock()
    pace = RateLimiter(clock)
    times: list[float] = []

    async def run() -> None:
        for pause in (0, 0, 0, 0, 100, 0, 0):
            await clock.sleep(pause)
            await pace.wait()
            times.append(clock.monotonic() - 1000)

    running = asyncio.create_task(run())
    await clock.advance(200)
    await running

    assert times == [0, 0, 1, 2, 102, 102, 103]


@pytest.mark.parametrize(
    ("change", "address"),
    [
        ({}, "10.0.0.1:7946"),
        ({"Address": ""}, "192.0.2.7:7946"),
        ({"Address": "[2001:db8::1]"}, "[2001:db8::1]:7946"),
        ({"Address": "Name.Example."}, "name.example:7946"),
        ({"TaggedAddresses": {"wan": {"Address": "203.0.113.1", "Port": 99}}}, "203.0.113.1:99"),
        ({"TaggedAddresses": {"wan": {"Address": "203.0.113.1", "Port": 0}}}, "203.0.113.1:7946"),
        ({"TaggedAddresses": {"lan": {"Address": "203.0.113.1", "Port": 99}}}, "10.0.0.1:7946"),
    ],
)
def test_the_address_of_an_entry(change: dict[str, Any], address: str) -> None:
    """The tagged address if there is one, else the service's, else that of its agent."""
    instances, bad = read([entry(1, **change)], tagged_address="wan")

    assert [str(one.endpoint) for one in instances] == [address]
    assert bad == 0


@pytest.mark.parametrize(
    "bad_entry",
    [
        entry(1, Port=0),
        entry(1, Port=65536),
        entry(1, Port="7946"),
        entry(1, Port=True),
        entry(1, Address="no host"),
        entry(1, Address=7),
        {},
        None,
        [],
        {"Service": None},
        {**entry(1), "Checks": [None]},
    ],
)
def test_a_bad_entry_costs_only_itself(bad_entry: Any) -> None:
    """It is counted and skipped; the others are kept."""
    instances, bad = read([bad_entry, entry(2)])

    assert [one.service_id for one in instances] == ["engram-2"]
    assert bad == 1


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["Node", "Service", "Checks", "Address", "Port", "Meta", "ID", "Status"])
                | st.text(),
                inner,
            )
        ),
        max_leaves=30,
    )
)
def test_no_json_makes_the_reading_crash(body: Any) -> None:
    """Whatever the body is: instances and a count, or a ValueError for what is no list."""
    try:
        instances, bad = read(body)
    except ValueError:
        assert not isinstance(body, list)
        return
    assert len(instances) + bad == len(body)


def test_only_the_latest_run_of_a_node_counts() -> None:
    """A record that a node left behind at another agent is not told; nodes without an id all are."""
    old = entry(1)
    new = entry(2, Meta={"node_id": "n1", "generation": "5"})
    plain = [entry(number, Meta={}) for number in (3, 4)]
    instances, _ = read([old, new, *plain])

    kept = newest_of_each_node(instances)

    assert [one.service_id for one in kept] == ["engram-2", "engram-3", "engram-4"]


def test_a_record_of_an_ipv6_node_has_brackets_where_they_belong() -> None:
    """Consul's address is bare, the check's URL is not."""
    node = replace(record(), addr=Address("2001:db8::1", 7946), api_addr=Address("2001:db8::1", 50051))

    told = definition(ConsulSettings(), node)

    assert told["address"] == "2001:db8::1"
    assert told["check"]["HTTP"] == "http://[2001:db8::1]:50051/health"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"addr": "https://consul:8501"}, 'write scheme = "https" beside it'),
        ({"ca_file": "/ca.pem"}, 'ca_file has no effect without scheme = "https"'),
        ({"scheme": "https", "key_file": "/k.pem"}, "key_file has no effect without cert_file"),
        ({"deregister_after": "10s"}, "expected 1m to 30d"),
        ({"wait": "20m"}, "expected 1s to 10m"),
        ({"service_name": "a/b"}, "pattern"),
        ({"tokn": "x"}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], words: str) -> None:
    """A floor of Consul's, a certificate that would not be used, a URL for an address, a misspelt key."""
    with pytest.raises(ValidationError) as refusal:
        ConsulSettings.model_validate(settings)

    assert words in str(refusal.value)


def test_the_plugin_imports_no_client_library() -> None:
    """The entry point's module is imported for every node that has the plugin; aiohttp only where it is used."""
    code = (
        "import sys, engram_discovery_consul.plugin;"
        "print(sorted({'aiohttp', 'consul', 'requests'} & set(sys.modules)))"
    )

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output == "[]\n"


def test_the_manual_says_what_is_tested() -> None:
    """The settings of the how-to are valid, and its policy is the one that the tests run with."""
    manual = Path("docs/how-to/consul.md").read_text()
    tables = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", manual, re.DOTALL)]
    [policy] = re.findall(r"```text\n(.*?)```", manual, re.DOTALL)

    for table in tables:
        settings = table["cluster"]["consul"]
        settings.pop("token_file", None)
        ConsulSettings.model_validate(settings)

    assert len(tables) == 3
    assert policy.strip() == ENOUGH
