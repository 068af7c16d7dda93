"""Contact many endpoints at once, until enough were joined."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from engram_discovery.errors import JoinError
from engram_discovery.runtime.plugin_call import describe_exception
from engram_discovery.types import JoinAttempt, JoinOutcome, JoinReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.protocols import Membership
    from engram_discovery.types import Endpoint

__all__ = ["ParallelJoin", "enough_contacts"]

#: JoinCandidates under way at most.
MOST_AT_ONCE = 16

#: Seconds after which a contact that has not answered no longer holds up the next one.
SLOW_AFTER = 1.0

_GRACE = 0.25


def enough_contacts(candidates: int, *, at_least: int) -> int:
    """Return how many peers to contact among ``candidates``; gossip brings the news to the others.

    ``3·ceil(log10(n+1))`` grows as slowly as the number of gossip rounds that reach everybody.
    """
    return max(at_least, 3 * math.ceil(math.log10(candidates + 1)))


class ParallelJoin:
    """One joint effort to join ``target`` of some endpoints within ``timeout`` seconds.

    JoinCandidates run side by side, so that a seed behind a black hole costs only itself: no more are begun than
    could still be needed, but one that is slow no longer counts, and once ``at_least`` were joined it is not
    waited for.
    """

    def __init__(self, membership: Membership, *, target: int, at_least: int, timeout: float) -> None:
        self._membership = membership
        self._target = target
        self._at_least = at_least
        self._timeout = timeout
        self._deadline = _now() + timeout
        self._waiting: deque[Endpoint] = deque()
        self._running: dict[asyncio.Task[tuple[JoinAttempt, ...]], tuple[Endpoint, float]] = {}
        self._attempts: list[JoinAttempt] = []

    async def run(self, endpoints: Iterable[Endpoint]) -> JoinReport:
        """Contact endpoints in the order given; report those that were contacted. Never raises."""
        self._waiting.extend(endpoints)
        crowded = len(self._waiting) > MOST_AT_ONCE
        share = max(SLOW_AFTER, self._timeout / 2) if crowded else self._timeout
        try:
            while not self._is_enough:
                while self._waiting and self._may_begin:
                    self._begin(self._waiting.popleft(), share)
                if not self._running or self._left <= -_GRACE:
                    break
                await self._wait()
        finally:
            await self._give_up()
        return JoinReport(tuple(self._attempts))

    @property
    def _joined(self) -> int:
        return JoinReport(tuple(self._attempts)).joined

    @property
    def _left(self) -> float:
        return self._deadline - _now()

    @property
    def _promising(self) -> list[float]:
        """When each contact began that is under way and not slow yet."""
        now = _now()
        return [began for _, began in self._running.values() if now - began < SLOW_AFTER]

    @property
    def _is_enough(self) -> bool:
        if self._waiting or self._promising:
            return self._joined >= self._target
        return self._joined >= self._at_least

    @property
    def _may_begin(self) -> bool:
        wanted = self._target - self._joined
        return len(self._running) < MOST_AT_ONCE and len(self._promising) < wanted and self._left > 0

    def _begin(self, endpoint: Endpoint, share: float) -> None:
        contact = _contact(self._membership, endpoint, min(share, self._left))
        task = asyncio.create_task(contact, name=f"contact {endpoint}")
        self._running[task] = (endpoint, _now())

    async def _wait(self) -> None:
        """Wait for an answer, for the end, or until a contact turns out to be slow."""
        turns_slow = [began + SLOW_AFTER - _now() for began in self._promising]
        wait = min([max(0.0, self._left) + _GRACE, *turns_slow])
        # The millisecond is for a contact that turns slow just now: never spin.
        await asyncio.wait(self._running, timeout=max(wait, 0.001), return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
            self._attempts.extend(task.result())

    async def _give_up(self) -> None:
        """Stop what is under way; what had its time has an outcome, the others were not needed."""
        now = _now()
        for task, (endpoint, began) in self._running.items():
            task.cancel()
            if now - began >= SLOW_AFTER:
                silent = f"no answer within {now - began:.0f} s"
                self._attempts.append(JoinAttempt(endpoint, JoinOutcome.SILENT, silent))
        if self._running:
            await asyncio.wait(self._running, timeout=_GRACE)


def _now() -> float:
    """Deadlines run on the loop's time, as those of ``asyncio.timeout`` do."""
    return asyncio.get_running_loop().time()


async def _contact(membership: Membership, endpoint: Endpoint, timeout: float) -> tuple[JoinAttempt, ...]:
    try:
        report = await membership.join([endpoint], timeout=timeout)
    except JoinError as error:
        attempts = tuple(attempt for attempt in error.attempts if isinstance(attempt, JoinAttempt))
        return attempts or (JoinAttempt(endpoint, JoinOutcome.UNREACHABLE, str(error)),)
    except Exception as error:  # noqa: BLE001  an engine's fault with one endpoint must not cost the others
        return (JoinAttempt(endpoint, JoinOutcome.UNREACHABLE, f"the engine {describe_exception(error)}"),)
    return report.attempts
