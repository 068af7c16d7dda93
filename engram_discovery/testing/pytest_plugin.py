"""Fixtures for tests of plugins; pytest loads this by its entry point. Nothing is used unless a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.testing import FakeClock, FakeMembership, RecordingLogger

__all__ = ["engram_clock", "engram_context", "engram_log", "engram_membership"]

pytest.register_assert_rewrite("engram_discovery.testing.contracts")


@pytest.fixture
def engram_clock() -> FakeClock:
    """A clock that only ``await engram_clock.advance(seconds)`` moves."""
    from engram_discovery.testing import FakeClock

    return FakeClock()


@pytest.fixture
def engram_log() -> RecordingLogger:
    """A logger whose ``events`` a test can read."""
    from engram_discovery.testing import RecordingLogger

    return RecordingLogger()


@pytest.fixture
def engram_context(engram_clock: FakeClock, engram_log: RecordingLogger) -> PluginContext:
    """What the host hands to a factory, with the clock and the logger of this test."""
    from engram_discovery.hookspecs import PluginContext

    return PluginContext(provider="test", identity=None, logger=engram_log, clock=engram_clock)


@pytest.fixture
def engram_membership() -> FakeMembership:
    """A membership whose view the test sets; at first only itself."""
    from engram_discovery.testing import FakeMembership

    return FakeMembership()
