"""Fakes for tests of services and plugins: a clock that is moved by hand and a membership that is told what to see."""

from engram_discovery.testing.clock import FakeClock
from engram_discovery.testing.membership import FakeMembership, make_member

__all__ = ["FakeClock", "FakeMembership", "make_member"]
