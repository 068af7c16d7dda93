"""Log events, facts and metric labels have one form, and one word for one thing."""

from __future__ import annotations

import re

import pytest

from engram_discovery.metrics.definitions import GROUPS
from tests.support.log_events import find_events

EVENTS = sorted(find_events())
#: ``area.what_happened``: the area is a room or a provider.
FORM = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
AREAS = {
    "cluster",
    "consul",
    "discovery",
    "dns",
    "etcd",
    "health",
    "http",
    "join",
    "member",
    "membership",
    "node",
    "node_id",
    "peer_cache",
    "plugin",
    "registration",
    "settings",
    "static",
    "task",
}
#: A word that is not used, by the word that is: one key for one fact.
SYNONYMS = {
    "address": "addr",
    "after": "duration_seconds",
    "after_seconds": "duration_seconds",
    "age": "age_seconds",
    "failures": "attempts",
    "file": "path",
    "hint": "remedy",
    "problem": "error",
    "reason": "kind",
    "result": "outcome",
    "seconds": "duration_seconds",
    "source": "provider",
    "tries": "attempts",
    "ttl": "ttl_seconds",
    "waited": "duration_seconds",
}
FAMILIES = [family for families in GROUPS.values() for family in families]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_an_area_and_what_happened(name: str) -> None:
    """Two words of lower case, joined by a dot."""
    assert FORM.fullmatch(name), name
    assert name.partition(".")[0] in AREAS


@pytest.mark.parametrize("name", EVENTS)
def test_a_fact_has_one_key(name: str) -> None:
    """No synonym of a key that other events use."""
    facts = find_events()[name].facts

    assert {fact: SYNONYMS[fact] for fact in facts & SYNONYMS.keys()} == {}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_label_has_the_name_of_the_fact(family: object) -> None:
    """Labels and facts use the same words."""
    labels = set(getattr(family, "labels"))  # noqa: B009  the type is the fixture's

    assert {label: SYNONYMS[label] for label in labels & SYNONYMS.keys()} == {}
