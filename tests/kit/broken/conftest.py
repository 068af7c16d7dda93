"""Give the suites in this directory event loops of virtual time: time-outs and leases pass at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.testing.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualTimeLoop}
