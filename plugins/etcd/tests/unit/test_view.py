"""A listing kept up by events."""

from types import SimpleNamespace
from typing import Any

from engram_discovery.types import Empty, Found
from engram_discovery_etcd.listing import Listing
from engram_discovery_etcd.view import View
from plugins.etcd.tests.factories import Log, ids

PUT, DELETE = 0, 1


def pair(number: int, revision: int, value: bytes | None = None) -> Any:
    record = b'{"Op":0,"Addr":"10.0.0.%d:7946"}' % number
    key = f"/engram/c/n{number}".encode()
    return SimpleNamespace(key=key, value=record if value is None else value, mod_revision=revision)


def event(kind: int, number: int, revision: int, value: bytes | None = None) -> Any:
    return SimpleNamespace(type=kind, kv=pair(number, revision, value))


def make_view(log: Log | None = None) -> View:
    view = View(b"/engram/c/", source="etcd", logger=log or Log())
    view.replace(Listing(10, (pair(2, 3), pair(1, 9))))
    return view


def test_events_change_the_listing() -> None:
    """Puts add or replace, deletes remove; the order is that of the keys."""
    view = make_view()

    changed = view.apply([event(PUT, 3, 11), event(DELETE, 1, 12)])

    assert changed
    assert ids(view.answer()) == ["n2", "n3"]


def test_events_that_the_listing_has_seen_do_not_count() -> None:
    """A deletion from before the listing does not take away what was put since."""
    view = make_view()

    changed = view.apply([event(DELETE, 1, 8), event(PUT, 3, 10)])

    assert not changed
    assert ids(view.answer()) == ["n1", "n2"]


def test_the_view_knows_how_far_it_has_seen() -> None:
    """Keys written together have one revision and all count, once."""
    view = make_view()

    view.apply([event(PUT, 3, 12), event(PUT, 4, 12)])
    repeated = view.apply([event(DELETE, 3, 12)])

    assert view.revision == 12
    assert not repeated
    assert ids(view.answer()) == ["n1", "n2", "n3", "n4"]


def test_the_same_again_is_no_change() -> None:
    """A renewed put of the same record wakes nobody."""
    assert not make_view().apply([event(PUT, 1, 11)])


def test_new_facts_at_the_same_address_are_a_change() -> None:
    """A restarted node has a new generation, and watchers are told."""
    view = make_view()

    changed = view.apply([event(PUT, 1, 11, b'{"Op":0,"Addr":"10.0.0.1:7946","Metadata":{"generation":2}}')])

    answer = view.answer()
    assert changed
    assert isinstance(answer, Found)
    assert answer.endpoints[0].meta == {"generation": "2"}


def test_nobody_left_is_empty() -> None:
    """The last deletion makes an authoritative no."""
    view = make_view()

    view.apply([event(DELETE, 1, 11), event(DELETE, 2, 12)])

    assert view.answer() == Empty("no key of a node under /engram/c/")


def test_a_record_that_turns_bad_is_gone_and_named_once() -> None:
    """Its key is in the log once for each time that it was written."""
    log = Log()
    view = make_view(log)

    view.apply([event(PUT, 1, 11, b"garbage")])
    view.replace(Listing(11, (pair(1, 11, b"garbage"), pair(2, 3))))
    view.apply([event(PUT, 1, 12, b"other garbage")])

    assert ids(view.answer()) == ["n2"]
    assert [facts["key"] for _, facts in log.lines] == ["/engram/c/n1"] * 2
