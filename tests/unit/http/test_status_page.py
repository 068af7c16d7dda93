"""The status page and its data without a browser: headers, bounds, contrast, and the switch."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import httpx
import pytest

from engram_discovery.http import cluster_app
from engram_discovery.http.status_page import load_page
from engram_discovery.node.node import Distributed, SingleNode
from engram_discovery.settings import settings_from
from engram_discovery.testing import FakeClock, make_member
from engram_discovery.types import EventKind, NodeState
from tests.support.in_memory_node import make_node, many_members

PAGE = load_page()
OFF = {"network": {"status_page": False}}


async def get(context: Distributed | SingleNode, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=cluster_app(context))
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        return await client.get(path)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_the_policy_allows_only_the_scripts_of_the_page(clock: FakeClock) -> None:
    """Scripts by their hashes, requests to the node itself, and nothing more."""
    answer = await get(make_node(clock), "/cluster/")

    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.search(r"script-src( 'sha256-[^']+')+;", policy)
    assert "require-trusted-types-for 'script'" in policy
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_page_refers_to_nothing_outside() -> None:
    """Only links to routes beside it and to the pages of other members; no file is loaded."""
    assert not re.findall(r"(?:src|href)=\"(?!health|nodes|discovery|status|data:,|#)", PAGE.html)
    assert "@import" not in PAGE.html
    allowed = r"http://www\.w3\.org/2000/svg|http://\$\{address\}/cluster/"
    assert "http://" not in re.sub(allowed, "", PAGE.html)


@pytest.mark.parametrize("path", ["/cluster/", "/cluster/status"])
async def test_it_can_be_switched_off(clock: FakeClock, path: str) -> None:
    """Neither the page nor its data is there."""
    assert (await get(make_node(clock), path)).status_code == 200
    assert (await get(make_node(clock, cluster=OFF), path)).status_code == 404


async def test_a_single_node_has_the_page_and_no_targets() -> None:
    """The body contains the mode, and the list of targets is empty."""
    node = SingleNode(settings_from({}))

    assert (await get(node, "/cluster/status")).json() == {"mode": "single-node"}
    assert (await get(node, "/cluster/sd")).json() == []


async def test_the_data_is_of_one_moment_and_bounded(clock: FakeClock) -> None:
    """The first thousand members, the number of all, and the last member events."""
    node = make_node(clock, many_members(1_500))
    node.health.start()
    await clock.advance(1)
    died = make_member("node-7", NodeState.DEAD, port=8)
    node.membership.see(EventKind.DIED, died)  # type: ignore[attr-defined]
    await clock.advance(5)

    body = (await get(node, "/cluster/status")).json()
    await node.health.aclose()

    assert (len(body["members"]), body["members_total"]) == (1_000, 1_500)
    assert body["health"]["total_nodes"] == 1_500
    assert body["member_events"] == [{"age": 5.0, "kind": "died", "node_id": "node-7"}]
    assert [(m["age"], m["alive"], m["dead"]) for m in body["history"]["samples"]] == [
        (6.0, 1_500, 0),
        (5.0, 1_499, 1),
    ]


async def test_names_that_are_not_valid_text_are_escaped(clock: FakeClock) -> None:
    """The body is ASCII for any names of members."""
    node = make_node(clock, [make_member("</script>\ud800", is_self=True)])

    answer = await get(node, "/cluster/status")

    assert answer.content.isascii()
    assert json.loads(answer.content)["members"][0]["id"] == "</script>\ud800"


async def test_targets_are_members_that_have_not_left(clock: FakeClock) -> None:
    """Dead members are included, so that Prometheus sees them as down; members without an API address are not."""
    api = make_member("x").addr
    states = {"n0": NodeState.ALIVE, "n1": NodeState.DEAD, "n2": NodeState.LEFT}
    members: list[Any] = [
        replace(make_member(name, state, is_self=name == "n0"), api_addr=api._replace(port=100 + i), zone="z")
        for i, (name, state) in enumerate(states.items())
    ]

    answer = await get(make_node(clock, [*members, make_member("no-api", port=9)]), "/cluster/sd")

    assert answer.headers["content-type"] == "application/json"
    assert [(t["targets"], t["labels"]["__meta_engram_state"]) for t in answer.json()] == [
        (["127.0.0.1:100"], "alive"),
        (["127.0.0.1:101"], "dead"),
    ]
    assert set(answer.json()[0]["labels"].values()) == {"test", "n0", "alive", "z"}


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_has_enough_contrast(scheme: int) -> None:
    """Text has the contrast that WCAG 2.2 requires (4.5), on cards and on the page, light and dark."""
    palette = re.findall(r":root \{([^}]+)\}", PAGE.html)[scheme]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", palette))
    pairs = [(text, ground) for text in ("text", "soft", "link") for ground in ("card", "page")]
    pairs += [(state, ground) for state in ("alive", "suspect", "dead") for ground in ("card", "page")]
    pairs += [("on", state) for state in ("alive", "suspect", "dead", "left")]

    weak = {pair: round(_contrast(*(colours[name] for name in pair)), 2) for pair in pairs}

    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


def test_style_and_script_name_elements_that_exist() -> None:
    """An element that is renamed keeps its style and its contents."""
    page = files("engram_discovery") / "http" / "page"
    elements = set(re.findall(r'\bid="([\w-]+)"', (page / "page.html").read_text()))

    rules = re.sub(r"\{[^{}]*\}", "", (page / "page.css").read_text())  # what is left are selectors
    styled = set(re.findall(r"#([a-z][\w-]*)", rules))
    scripts = "".join(script.read_text() for script in page.iterdir() if script.name.endswith(".js"))
    filled = set(re.findall(r'\$\("([\w-]+)"\)', scripts))

    assert styled - elements == set()
    assert filled - elements == set()
    assert len(styled) > 5
    assert len(filled) > 5
