"""Join many endpoints concurrently, until enough were joined (ADR 33)."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from engram_discovery.defaults import JOIN_GRACE, MAX_CONCURRENT_JOINS, SLOW_JOIN_AFTER
from engram_discovery.errors import JoinError
from engram_discovery.runtime.deadline import wait_any
from engram_discovery.runtime.plugin_call import describe_exception
from engram_discovery.types import JoinAttempt, JoinOutcome, JoinReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import Endpoint

__all__ = ["ParallelJoin", "enough_contacts"]


def enough_contacts(candidates: int, *, at_least: int) -> int:
    """Return how many of ``candidates`` to join; gossip spreads the membership to the others.

    ``3·ceil(log10(n+1))`` grows like the number of gossip rounds that reach all members.
    """
    return max(at_least, 3 * math.ceil(math.log10(candidates + 1)))


class ParallelJoin:
    """Joins ``target`` of the given endpoints within ``timeout`` seconds.

    Attempts run concurrently, so that a black-holed seed costs only itself: no more are started than are still
    needed, a slow one no longer counts, and once ``at_least`` were joined a slow one is not awaited.
    """

    def __init__(
        self, membership: Membership, *, target: int, at_least: int, timeout: float, clock: Clock
    ) -> None:
        self._membership = membership
        self._target = target
        self._at_least = at_least
        self._timeout = timeout
        self._clock = clock
        self._deadline = clock.monotonic() + timeout
        self._waiting: deque[Endpoint] = deque()
        self._running: dict[asyncio.Task[tuple[JoinAttempt, ...]], tuple[Endpoint, float]] = {}
        self._attempts: list[JoinAttempt] = []

    async def run(self, endpoints: Iterable[Endpoint]) -> JoinReport:
        """Contact endpoints in the order given; report the attempts. Never raises."""
        self._waiting.extend(endpoints)
        queued = len(self._waiting) > MAX_CONCURRENT_JOINS
        share = max(SLOW_JOIN_AFTER, self._timeout / 2) if queued else self._timeout
        try:
            while not self._is_enough:
                while self._waiting and self._may_start:
                    self._start(self._waiting.popleft(), share)
                if not self._running or self._left <= -JOIN_GRACE:
                    break
                await self._wait()
        finally:
            await self._cancel_rest()
        return JoinReport(tuple(self._attempts))

    @property
    def _joined(self) -> int:
        return JoinReport(tuple(self._attempts)).joined

    @property
    def _left(self) -> float:
        return self._deadline - self._clock.monotonic()

    @property
    def _pending(self) -> list[float]:
        """Start times of the attempts that are under way and not slow yet."""
        now = self._clock.monotonic()
        return [started for _, started in self._running.values() if now - started < SLOW_JOIN_AFTER]

    @property
    def _is_enough(self) -> bool:
        if self._waiting or self._pending:
            return self._joined >= self._target
        return self._joined >= self._at_least

    @property
    def _may_start(self) -> bool:
        wanted = self._target - self._joined
        return len(self._running) < MAX_CONCURRENT_JOINS and len(self._pending) < wanted and self._left > 0

    def _start(self, endpoint: Endpoint, share: float) -> None:
        contact = _contact(self._membership, endpoint, min(share, self._left))
        task = asyncio.create_task(contact, name=f"join {endpoint}")
        self._running[task] = (endpoint, self._clock.monotonic())

    async def _wait(self) -> None:
        """Wait for an answer, for the deadline, or until an attempt becomes slow."""
        slow_in = [started + SLOW_JOIN_AFTER - self._clock.monotonic() for started in self._pending]
        wait = min([max(0.0, self._left) + JOIN_GRACE, *slow_in])
        # at least a millisecond, for an attempt that becomes slow right now: never spin
        await wait_any(self._running, timeout=max(wait, 0.001), clock=self._clock)
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
            self._attempts.extend(task.result())

    async def _cancel_rest(self) -> None:
        """Cancel attempts under way; a slow one is reported as silent, the others were not needed."""
        now = self._clock.monotonic()
        for task, (endpoint, started) in self._running.items():
            task.cancel()
            if now - started >= SLOW_JOIN_AFTER:
                silent = f"no answer within {now - started:.0f} s"
                self._attempts.append(JoinAttempt(endpoint, JoinOutcome.SILENT, silent))
        if self._running:
            await asyncio.wait(self._running, timeout=JOIN_GRACE)


async def _contact(membership: Membership, endpoint: Endpoint, timeout: float) -> tuple[JoinAttempt, ...]:
    try:
        report = await membership.join([endpoint], timeout=timeout)
    except JoinError as error:
        attempts = tuple(attempt for attempt in error.attempts if isinstance(attempt, JoinAttempt))
        return attempts or (JoinAttempt(endpoint, JoinOutcome.UNREACHABLE, str(error)),)
    except Exception as error:  # noqa: BLE001  an engine's fault with one endpoint must not cost the others
        return (JoinAttempt(endpoint, JoinOutcome.UNREACHABLE, f"the engine {describe_exception(error)}"),)
    return report.attempts
