"""Which member we talk to: the one that answered last, until it fails; then the first that answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.provider import FailureKind
from engram_discovery_etcd.channel import Connection, connect
from engram_discovery_etcd.failures import EtcdError, all_failed
from engram_discovery_etcd.targets import Target, Targets

if TYPE_CHECKING:
    from engram_discovery_etcd.settings import EtcdSettings

__all__ = ["Connections"]

#: Head start of an endpoint before the next is tried as well: a black hole costs this, a slow one still wins alone.
_HEAD_START = 0.5

#: Share of the connect timeout for name resolution, so that the names that resolve are used.
_LOOK_UP = 0.5


class Connections:
    """Keeps one connection, to whichever member serves.

    Args:
        settings: The table ``[cluster.etcd]``.
    """

    def __init__(self, settings: EtcdSettings) -> None:
        self._settings = settings
        self._targets = Targets(settings.targets)
        self._current: Connection | None = None
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        """Return how many addresses the endpoints had when we connected last."""
        return len(self._targets)

    async def get(self, within: float) -> Connection:
        """Return the connection in use, or open one within so many seconds.

        Raises:
            EtcdError: No endpoint can be reached.
        """
        try:
            async with asyncio.timeout(within), self._opening:
                if self._current is not None and not self._current.usable:
                    await self.give_up(self._current)
                if self._current is None:
                    self._current = await self._open(within)
                return self._current
        except TimeoutError:
            text = f"no connection to {self._targets} within {within:.1f} s"
            raise EtcdError(text, FailureKind.TIMEOUT, elsewhere=True) from None

    async def give_up(self, connection: Connection) -> None:
        """Use another address from now on, and this one last."""
        if connection is self._current:
            self._current = None
            self._targets.put_last(connection.target)
        await connection.give_up()

    async def aclose(self) -> None:
        """Close the connection. ``get`` opens a new one."""
        if self._current is not None:
            connection, self._current = self._current, None
            await connection.give_up()

    async def _open(self, within: float) -> Connection:
        """Connect to the addresses in order, the next after a failure or a head start; the first to answer is it."""
        waiting, failures = await self._targets.look_up(within * _LOOK_UP)
        trying: dict[asyncio.Task[Connection], Target] = {}
        try:
            while waiting or trying:
                if waiting:
                    target = waiting.pop(0)
                    trying[asyncio.create_task(connect(target, self._settings))] = target
                patience = _HEAD_START if waiting else None
                done, _ = await asyncio.wait(trying, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    error = task.exception()
                    if error is None:
                        self._targets.prefer(trying.pop(task))
                        return task.result()
                    if not isinstance(error, EtcdError):
                        raise error
                    failures[str(trying.pop(task))] = error
            raise all_failed(failures)
        finally:
            await _abandon(trying)


async def _abandon(trying: dict[asyncio.Task[Connection], Target]) -> None:
    for task in trying:
        task.cancel()
    for outcome in await asyncio.gather(*trying, return_exceptions=True):
        if isinstance(outcome, Connection):
            await outcome.give_up()
