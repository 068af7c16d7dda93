"""A source over a scripted provider."""

from __future__ import annotations

import random
from typing import Any

from engram_discovery.sources import Source
from engram_discovery.testing.virtual_time import LoopClock
from tests.support.timed_log import RecordingLogger


def make_source(discoverer: Any, logger: RecordingLogger | None = None, **settings: Any) -> Source:
    return Source(
        "dns",
        discoverer,
        clock=LoopClock(),
        logger=logger or RecordingLogger(),
        random=random.Random(1),
        **settings,
    )
