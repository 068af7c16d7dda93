"""Listing and watch together, against scripted answers."""

from types import SimpleNamespace
from typing import Any

from engram_discovery_etcd.discoverer import EtcdDiscoverer
from engram_discovery_etcd.settings import EtcdSettings
from plugins.etcd.tests.factories import ids, make_context
from plugins.etcd.tests.unit.test_view import PUT, event, pair


class Etcd:
    """Answers ranges one after the other, and lets something happen before the first."""

    def __init__(self, *listings: tuple[int, list[Any]]) -> None:
        self.listings = list(listings)
        self.meanwhile: Any = lambda: None

    async def range(self, request: Any) -> Any:
        self.meanwhile()
        revision, pairs = self.listings.pop(0)
        return SimpleNamespace(header=SimpleNamespace(revision=revision), kvs=pairs, more=False)


def make(etcd: Any) -> EtcdDiscoverer:
    return EtcdDiscoverer(EtcdSettings(), make_context(), etcd)


async def test_a_listing_that_the_watch_overtook_is_read_again() -> None:
    """An event that came while the listing was on its way is not taken back by it."""
    etcd = Etcd((10, [pair(1, 9)]), (11, [pair(1, 9), pair(2, 11)]))
    source = make(etcd)
    etcd.meanwhile = lambda: source._view.apply([event(PUT, 2, 11)])

    answer = await source.discover()

    assert ids(answer) == ["n1", "n2"]
    assert etcd.listings == []


async def test_after_a_reset_lower_revisions_are_taken() -> None:
    """When etcd starts again at revision 1, reading again does not help, and what it says is the truth."""
    etcd = Etcd((10, [pair(1, 9)]), *[(2, [pair(3, 2)])] * 3)
    source = make(etcd)
    await source.discover()

    answer = await source.discover()

    assert ids(answer) == ["n3"]
