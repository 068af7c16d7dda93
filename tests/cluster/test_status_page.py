"""The status page of real nodes in a real browser."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engram_discovery.http import cluster_app
from engram_discovery.http.server import HttpServer, bind_socket
from engram_discovery.network.address import Address
from engram_discovery.node.node import Distributed
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.testing import RecordingLogger, make_member
from engram_discovery.types import CheckResult, CheckStatus, Member, NodeState
from tests.servers.browser import DESKTOP, PHONE, Page, chromium
from tests.servers.process import free_port
from tests.support import file_registry
from tests.support.in_memory_node import Check, make_node, many_members
from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until

ALIVE = {"n0": "alive", "n1": "alive", "n2": "alive"}
IMAGES = Path(__file__).parents[2] / "docs" / "images"
DOCUMENTED = {"status-degraded-desktop-light", "status-degraded-phone-dark", "status-thousand-light"}
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '</script><script>document.title="owned"</script>',
    '" onmouseover="alert(1)',
    "{{constructor.constructor('alert(1)')()}}",
    "\u202egnp.ton",
    "a\x00b\x1b[31m",
    "lone \ud800 surrogate",
    "x" * 10_000,
]


def keep(page: Page, folder: Path, name: str) -> None:
    """Take a screenshot; with UPDATE_SCREENSHOTS set, those of the documentation are renewed as well."""
    page.screenshot(folder / f"{name}.png")
    if name in DOCUMENTED and os.environ.get("UPDATE_SCREENSHOTS"):
        page.screenshot(IMAGES / f"{name}.png")


def tile(node_id: str) -> str:
    return f"[...document.querySelectorAll('.member')].find(m => m.innerText.includes('{node_id}'))"


def state_of(node_id: str) -> str:
    return f"{tile(node_id)}?.dataset.state"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as opened:
        yield opened


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Three nodes in two zones that register in a file_registry."""
    folder = tmp_path_factory.mktemp("shown")
    made, _ = file_registry.make_cluster(folder)
    for number, node in enumerate(made):
        node.overrides["cluster.zone"] = ("eu-1a", "eu-1b")[number % 2]
    with running(made):
        wait_until(all_see(made, ALIVE), 20, "all three see three alive")
        yield made


@contextmanager
def served(make: Callable[[], Distributed]) -> Iterator[str]:
    """Serve a node built by the test from a thread."""
    address = Address("127.0.0.1", free_port())
    stop = threading.Event()

    async def serve() -> None:
        node = make()
        server = HttpServer(cluster_app(node), bind_socket(address, "test"), logger=RecordingLogger())
        node.health.start()
        server.start()
        await asyncio.to_thread(stop.wait)
        await server.aclose()
        await node.health.aclose()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield f"http://127.0.0.1:{address.port}"
    finally:
        stop.set()
        thread.join()


def crowd(*members: Member) -> Callable[[], Distributed]:
    return lambda: make_node(
        SystemClock(), [replace(m, updated_at=SystemClock().monotonic()) for m in members]
    )


def test_the_page_shows_the_cluster_and_loads_nothing_from_outside(
    page: Page, nodes: list[Node], tmp_path: Path
) -> None:
    """Status, members by zone, sources, registration and the explanation; one document and its data."""
    page.open(f"{nodes[0].url}/cluster/")
    page.wait("document.querySelectorAll('.member').length === 3")
    page.wait("document.querySelector('#registrations').innerText.includes('registered')")
    keep(page, tmp_path, "status-healthy-light")

    assert page.text("#status") == "Healthy"
    assert page.text("#counts") == "3 of 3 members alive"
    assert "sees 3 live members of 3" in page.text("#headline")
    assert "zone eu-1a: 2" in page.text("#picture")
    assert "file_registry" in page.text("#sources")
    assert "lease" in page.text("#registrations")
    assert page.requests() == {f"{nodes[0].url}/cluster/", f"{nodes[0].url}/cluster/status"}
    assert page.complaints() == []


def test_a_killed_node_is_shown_without_reloading_and_so_is_its_return(
    page: Page, nodes: list[Node], tmp_path: Path
) -> None:
    """The page agrees with health and metrics, announces the change once, and lists the events."""
    page.open(f"{nodes[0].url}/cluster/")
    page.wait(f"{state_of('n2')} === 'alive'")
    page.run("window.notReloaded = true")

    nodes[2].kill()
    page.wait(f"{state_of('n2')} === 'dead'", 30)
    page.wait("document.querySelector('#banner').dataset.status === 'degraded'")
    health, metrics = nodes[0].get("/cluster/health"), nodes[0].get("/metrics")
    announced = page.text("#announcer")
    for size, name in ((DESKTOP, "desktop"), (PHONE, "phone")):
        for dark in (False, True):
            page.look(size, dark=dark)
            keep(page, tmp_path, f"status-degraded-{name}-{'dark' if dark else 'light'}")
    nodes[2].start()
    page.wait(f"{state_of('n2')} === 'alive'", 30)
    page.wait("document.querySelector('#banner').dataset.status === 'healthy'")

    assert health
    assert metrics
    assert (health[1]["status"], health[1]["dead_nodes"]) == ("degraded", 1)
    assert 'engram_cluster_nodes{state="dead"} 1.0' in metrics[1]
    assert "n2 is dead." in announced
    assert "n2 declared dead" in page.text("#member-events")
    assert "degraded for" in page.text("#history-words")
    assert page.run("window.notReloaded") is True


def test_a_lost_node_is_shown_as_lost_until_it_is_back(page: Page, nodes: list[Node], tmp_path: Path) -> None:
    """Old data are marked as old."""
    page.open(f"{nodes[1].url}/cluster/")
    page.wait("document.querySelectorAll('.member').length === 3")

    nodes[1].kill()
    page.wait("!document.querySelector('#lost').hidden")
    notice, title = page.text("#lost"), page.run("document.title")
    keep(page, tmp_path, "status-lost")
    nodes[1].start()
    page.wait("document.querySelector('#lost').hidden", 30)
    page.wait("document.querySelector('#banner').dataset.status === 'healthy'", 30)

    assert title.startswith("? no answer")
    assert "does not answer. The data below is from" in notice


def test_a_source_that_fails_is_shown_with_its_reason(page: Page, nodes: list[Node], tmp_path: Path) -> None:
    """Kept endpoints, the error in words, and the registration that cannot be renewed."""
    registry = nodes[0].folder.parent / "registry"
    page.open(f"{nodes[0].url}/cluster/")
    (registry / "refuses").touch()

    page.wait("document.querySelector('#sources').innerText.includes('connection refused')")
    page.wait("document.querySelector('#registrations').innerText.includes('lost')")
    warned = page.text("#warnings")
    keep(page, tmp_path, "status-source-down")
    (registry / "refuses").unlink()

    page.wait("!document.querySelector('#sources').innerText.includes('refused')", 60)
    page.wait("document.querySelector('#registrations').innerText.includes('registered')", 60)
    page.wait("document.querySelector('#warnings').innerText === ''")

    assert "file_registry fails: its last-known-good endpoints are used" in warned
    assert "file_registry: this node is not registered (lost)" in warned


def test_checks_of_plugins_are_shown_whatever_their_names(page: Page) -> None:
    """Checks that the node marks as its own are shown in the section of discovery only."""
    slow, old = CheckResult(CheckStatus.WARNING, "slow"), CheckResult(CheckStatus.WARNING, "old")

    def make() -> Distributed:
        checks, own = [Check("tap-source", slow)], [Check("dns-source", old)]
        return make_node(SystemClock(), [make_member("self", is_self=True)], checks=checks, own_checks=own)

    with served(make) as url:
        page.open(f"{url}/cluster/")
        page.wait("document.querySelector('#checks').innerText.includes('tap-source')")
        warned, checks = page.text("#warnings"), page.text("#checks")

    assert "tap-source: slow" in warned
    assert "dns-source" not in warned + checks


def test_the_keyboard_moves_between_members(page: Page, nodes: list[Node]) -> None:
    """One tab stop, arrows inside it, and the details follow."""
    page.open(f"{nodes[0].url}/cluster/")
    page.wait("document.querySelectorAll('.member').length === 3")

    stops = page.run("document.querySelectorAll('.member[tabindex=\"0\"]').length")
    for _ in range(2):
        page.press("Tab")
    focused = page.run("document.activeElement.innerText")
    page.press("ArrowRight")
    second, link = page.text("#details"), page.run("document.querySelector('#details a')?.href")
    page.press("End")
    last = page.text("#details")

    assert stops == 1
    assert "n0" in focused
    assert "n2" in second
    assert link == f"{nodes[2].url}/cluster/"
    assert "n1" in last


def test_a_screen_reader_gets_all_of_it(page: Page, nodes: list[Node]) -> None:
    """Each member by name, state and zone; the history in words; headings to move by."""
    page.open(f"{nodes[0].url}/cluster/")
    page.wait("document.querySelectorAll('.member').length === 3")

    tree = page.accessible()

    assert ("option", "n2, alive, zone eu-1a") in tree
    assert ("option", "n0, this node, alive, zone eu-1a") in tree
    assert any(role == "image" and "ealthy since" in name for role, name in tree)
    assert "status" in {role for role, _ in tree}
    headings = {name for role, name in tree if role == "heading"}
    assert {"Healthy", "Explanation", "Members", "Discovery", "Registration", "Member events"} <= headings


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_it_without_scrolling_sideways(page: Page, nodes: list[Node], width: int) -> None:
    """Long text is broken or cut, and controls are large enough for a finger."""
    page.open(f"{nodes[0].url}/cluster/", (width, 700))
    page.wait("document.querySelectorAll('.member').length === 3")

    assert page.run("document.documentElement.scrollWidth") <= width
    assert (
        page.run("Math.min(...[...document.querySelectorAll('.member, button')].map(e => e.offsetHeight))")
        >= 44
    )


def test_hostile_names_are_shown_and_never_run(page: Page, tmp_path: Path) -> None:
    """Markup stays text, invisible characters become visible, and the policy refuses markup of the page itself."""
    members = [make_member("self", is_self=True)]
    members += [
        replace(make_member(name, port=1 + n), zone=name[:40], api_addr=Address(name, 1))
        for n, name in enumerate(HOSTILE)
    ]
    with served(crowd(*members)) as url:
        page.events.clear()
        page.open(f"{url}/cluster/")
        page.wait(f"document.querySelectorAll('.member').length === {len(members)}")
        keep(page, tmp_path, "status-hostile")
        page.run("document.querySelector('.member[tabindex=\"0\"]').focus()")
        links = set()
        for _ in HOSTILE:
            page.press("ArrowRight")
            links.add(page.run("document.querySelector('#details a')?.href"))
        shown = page.text("#picture")
        refused = page.run(
            "(() => { try { document.body.innerHTML += '<p>'; return 'done' } catch (e) { return e.name } })()"
        )

    assert HOSTILE[0] in shown
    assert "\\u202egnp.ton" in shown
    assert "a\\u0000b\\u001b[31m" in shown
    assert refused == "TypeError"
    assert links == {None, f"http://{HOSTILE[-1]}:1/cluster/"}
    assert page.run("document.querySelectorAll('main img, main script').length") == 0
    assert page.run("document.title").startswith("✓ healthy")
    assert not [event for event in page.events if event.get("method") == "Page.javascriptDialogOpening"]
    assert page.run("document.documentElement.scrollWidth") <= DESKTOP[0]


def test_a_thousand_members_are_one_picture(page: Page, tmp_path: Path) -> None:
    """Each is a mark that can be selected, and the page is updated within a second."""
    members = many_members(1_000, *[NodeState.ALIVE] * 40, NodeState.SUSPECT, NodeState.DEAD, NodeState.LEFT)
    zoned = [replace(member, zone=f"zone-{number % 3}") for number, member in enumerate(members)]
    with served(crowd(*zoned)) as url:
        page.open(f"{url}/cluster/")
        page.wait("document.querySelectorAll('.member').length === 1000")
        keep(page, tmp_path, "status-thousand-light")
        missing = page.text("#missing")
        page.look(PHONE, dark=True)
        keep(page, tmp_path, "status-thousand-phone-dark")
        spent = page.run(
            "(() => { const t = performance.now(); show(latest); return performance.now() - t })()"
        )

    assert page.run("document.documentElement.scrollWidth") <= PHONE[0]
    assert spent < 1_000
    assert missing.startswith("Dead: node-41, node-84,")
    assert "Suspect: node-40, node-83," in missing
    assert missing.count("and 3 more") == 2


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    """Without the page and its data the other routes respond as before."""
    node = make_nodes(tmp_path, 1)[0]
    node.overrides["cluster.network.status_page"] = "false"
    with running([node]):
        wait_until(lambda: node.get("/livez"), 20, "the node answers")

        assert node.get("/cluster/") == (404, {"error": "not found"})
        assert node.get("/cluster/status") == (404, {"error": "not found"})
        health = node.get("/cluster/health")
        assert health
        assert health[0] == 200
