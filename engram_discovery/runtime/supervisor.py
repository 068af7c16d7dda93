"""Supervise background loops: log a crash and start the loop again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.defaults import MAX_RESTART_INTERVAL, RESTART_INTERVAL
from engram_discovery.runtime.plugin_call import describe_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["supervise"]


async def supervise(name: str, work: Callable[[], Awaitable[None]], *, clock: Clock, logger: Logger) -> None:
    """Run ``work`` until it returns; if it raises, log the exception and start it again with back-off.

    An exception here is a bug of this package. It must not silently end the loop that keeps a node in its cluster.
    """
    wait = RESTART_INTERVAL
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  logged and restarted; see above
            logger.error("task.crashed", task=name, error=describe_exception(error), restart_in_seconds=wait)
            await clock.sleep(wait)
            wait = min(2 * wait, MAX_RESTART_INTERVAL)
        else:
            return
