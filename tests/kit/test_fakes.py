"""The fakes and the pytest plugin that are shipped for authors of plugins and of services."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.protocols import Discoverer
from engram_discovery.testing import RecordingLogger, ScriptedDiscoverer, pytest_plugin
from engram_discovery.types import Empty, Endpoint, Found


async def test_a_scripted_discoverer_keeps_to_its_script() -> None:
    """Answers come in turn, errors are raised, and the last answer is given for ever."""
    found = Found((Endpoint("192.0.2.1", 7946),))
    discoverer = ScriptedDiscoverer(found, DiscoveryError("away", kind=FailureKind.TIMEOUT), Empty("nobody"))

    assert isinstance(discoverer, Discoverer)
    assert await discoverer.discover() == found
    with pytest.raises(DiscoveryError, match="away"):
        await discoverer.discover()
    assert [await discoverer.discover() for _ in range(2)] == [Empty("nobody")] * 2
    assert discoverer.asked == 4


def test_a_script_without_answers_is_refused() -> None:
    """A discoverer that could answer nothing is a mistake of the test."""
    with pytest.raises(ValueError, match="at least one"):
        ScriptedDiscoverer()


def test_a_bound_logger_keeps_events_with_the_others() -> None:
    """What a provider logs through a bound logger is seen by the test, with the facts bound."""
    log = RecordingLogger()

    log.bind(provider="acme").warning("away", after=3)
    log.info("back")

    assert log.events[0].facts == {"provider": "acme", "after": 3}
    assert (log.names(), log.names("warning")) == (["away", "back"], ["away"])


def test_fixtures_are_there_without_an_import(
    engram_context: Any, engram_clock: Any, engram_log: Any, engram_membership: Any
) -> None:
    """The pytest plugin is found by its entry point, and its context holds this test's clock and logger."""
    assert engram_context.clock is engram_clock
    assert engram_context.logger is engram_log
    assert engram_membership.local.is_self


def test_no_fixture_is_automatic() -> None:
    """Installing the host changes nothing for tests that do not ask."""
    fixtures = [getattr(pytest_plugin, name) for name in pytest_plugin.__all__]

    assert [fixture for fixture in fixtures if fixture._fixture_function_marker.autouse] == []


def test_the_fakes_import_nothing_heavy() -> None:
    """Neither pytest nor an engine nor a server comes with the fakes, and pytest starts without them."""
    program = (
        "import sys, engram_discovery.testing; "
        "print(*{'pytest', 'kinship', 'starlette', 'uvicorn', 'dynaconf', 'pydantic'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
