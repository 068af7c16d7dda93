"""Contact many endpoints at once, until enough were joined."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from engram_discovery.errors import JoinError
from engram_discovery.sources.isolation import describe_crash
from engram_discovery.types import JoinAttempt, JoinOutcome, JoinReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.protocols import Membership
    from engram_discovery.types import Endpoint

__all__ = ["FanOut", "enough_contacts"]

#: Contacts under way at most.
MOST_AT_ONCE = 16

#: Seconds after which a contact that has not answered no longer holds up the next one.
SLOW_AFTER = 1.0

_GRACE = 0.5


def enough_contacts(candidates: int, *, at_least: int) -> int:
    """Return how many peers to contact among ``candidates``; gossip brings the news to the others.

    ``3·ceil(log10(n+1))`` grows as slowly as the number of gossip rounds that reach everybody.
    """
    return max(at_least, 3 * math.ceil(math.log10(candidates + 1)))


class FanOut:
    """One joint effort to join ``target`` of some endpoints within ``timeout`` seconds.

    Contacts run side by side, so that a seed behind a black hole costs only itself; no more are begun than
    could still be needed, but one that is slow no longer counts as promising.
    """

    def __init__(self, membership: Membership, *, target: int, timeout: float) -> None:
        self._membership = membership
        self._target = target
        self._deadline = _now() + timeout
        self._timeout = timeout
        self._running: dict[asyncio.Task[tuple[JoinAttempt, ...]], tuple[Endpoint, float]] = {}
        self._attempts: list[JoinAttempt] = []

    async def run(self, endpoints: Iterable[Endpoint]) -> JoinReport:
        """Contact endpoints in the order given; report those that were contacted. Never raises."""
        waiting = deque(endpoints)
        dial_timeout = self._timeout if len(waiting) <= MOST_AT_ONCE else max(SLOW_AFTER, self._timeout / 2)
        try:
            while self._joined < self._target:
                while waiting and self._may_begin():
                    self._begin(waiting.popleft(), dial_timeout)
                if not self._running or self._left <= -_GRACE:
                    break
                await self._wait(more=bool(waiting))
        finally:
            await self._give_up()
        return JoinReport(tuple(self._attempts))

    @property
    def _joined(self) -> int:
        return JoinReport(tuple(self._attempts)).joined

    @property
    def _left(self) -> float:
        return self._deadline - _now()

    def _may_begin(self) -> bool:
        now = _now()
        promising = sum(now - began < SLOW_AFTER for _, began in self._running.values())
        wanted = self._target - self._joined
        return len(self._running) < MOST_AT_ONCE and promising < wanted and self._left > 0

    def _begin(self, endpoint: Endpoint, timeout: float) -> None:
        contact = _contact(self._membership, endpoint, min(timeout, self._left))
        task = asyncio.create_task(contact, name=f"contact {endpoint}")
        self._running[task] = (endpoint, _now())

    async def _wait(self, *, more: bool) -> None:
        """Wait for an answer, for the end, or until a slow contact makes room for another."""
        wait = max(0.0, self._left) + _GRACE
        if more:
            now = _now()
            aging = [
                began + SLOW_AFTER - now for _, began in self._running.values() if now - began < SLOW_AFTER
            ]
            wait = min([wait, *aging])
        await asyncio.wait(self._running, timeout=max(wait, 0.001), return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
            self._attempts.extend(task.result())

    async def _give_up(self) -> None:
        late = self._left <= 0
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_GRACE)
        for endpoint, _ in self._running.values():
            if late:
                self._attempts.append(
                    JoinAttempt(endpoint, JoinOutcome.SILENT, "no answer before the deadline")
                )


def _now() -> float:
    """Deadlines run on the loop's time, as those of ``asyncio.timeout`` do."""
    return asyncio.get_running_loop().time()


async def _contact(membership: Membership, endpoint: Endpoint, timeout: float) -> tuple[JoinAttempt, ...]:
    try:
        report = await membership.join([endpoint], timeout=timeout)
    except JoinError as error:
        return error.attempts or (JoinAttempt(endpoint, JoinOutcome.UNREACHABLE, str(error)),)
    except Exception as error:  # noqa: BLE001  an engine's fault with one endpoint must not cost the others
        return (JoinAttempt(endpoint, JoinOutcome.UNREACHABLE, f"the engine {describe_crash(error)}"),)
    return report.attempts
