"""What tests of services and plugins need: fakes here, contract suites for providers in ``testing.contracts``.

Nothing in here needs pytest but ``testing.contracts`` and ``testing.pytest_plugin``, which pytest loads by itself:
``pip install "engram-discovery[testing]"``.
"""

from engram_discovery.testing.clock import FakeClock
from engram_discovery.testing.discoverer import ScriptedDiscoverer
from engram_discovery.testing.log import LogEvent, RecordingLogger
from engram_discovery.testing.membership import FakeMembership, make_member
from engram_discovery.testing.virtual_time import (
    LoopClock,
    VirtualTimeLoop,
    in_virtual_time,
    run_in_virtual_time,
)

__all__ = [
    "FakeClock",
    "FakeMembership",
    "LogEvent",
    "LoopClock",
    "RecordingLogger",
    "ScriptedDiscoverer",
    "VirtualTimeLoop",
    "in_virtual_time",
    "make_member",
    "run_in_virtual_time",
]
