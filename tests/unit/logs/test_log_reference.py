"""The reference of log events names every event in the source, with its level and its facts, and no other."""

from __future__ import annotations

import re

import pytest

from tests.support.log_events import ROOT, Event, find_events

EVENTS = find_events()
ROWS = re.findall(
    r"^\| `([a-z_.]+)` \| (\w+) \| ([^|]*)\| (.*) \|$",
    (ROOT / "docs/reference/logs.md").read_text(),
    re.MULTILINE,
)
DOCUMENTED = {name: (level, facts, meaning) for name, level, facts, meaning in ROWS}


def test_every_event_is_documented_and_none_is_invented() -> None:
    """An operator who greps for a name finds what it means."""
    assert len(ROWS) == len(DOCUMENTED)
    assert set(EVENTS) == set(DOCUMENTED)


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.name)
def test_level_and_facts_are_those_of_the_source(event: Event) -> None:
    """The level is the same wherever it is logged; each fact given by keyword is listed."""
    level, facts, meaning = DOCUMENTED[event.name]

    assert event.levels <= {level}
    assert event.facts <= set(re.findall(r"`(\w+)`", facts)) or facts.strip() == "the same"
    assert meaning.endswith(".")
