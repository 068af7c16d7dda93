"""Loops that must run for ever, kept running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.runtime.plugin_call import describe_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["supervise"]

_LONGEST_WAIT = 60.0


async def supervise(name: str, work: Callable[[], Awaitable[None]], *, clock: Clock, logger: Logger) -> None:
    """Run ``work`` until it returns; if it raises, say so and start it again after a while.

    An error here is a bug of ours. It must not silently end the loop that keeps a node in its cluster.
    """
    wait = 1.0
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  named, logged and tried again; see above
            logger.error("task.crashed", task=name, error=describe_exception(error), restart_in_seconds=wait)
            await clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        else:
            return
