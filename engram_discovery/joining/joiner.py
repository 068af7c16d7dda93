"""Join the cluster, and heal splits for as long as the node runs (ADR 33)."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.defaults import (
    EXPLAIN_INTERVAL,
    HEAL_CONTACTS,
    JOIN_CHECK_INTERVAL,
    NEW_ENDPOINT_SPREAD,
    URGENT_HEAL_INTERVAL,
)
from engram_discovery.joining.candidates import JoinCandidates
from engram_discovery.joining.parallel_join import ParallelJoin, enough_contacts
from engram_discovery.joining.progress import JoinProgress
from engram_discovery.runtime.backoff import Backoff
from engram_discovery.runtime.deadline import wait_any
from engram_discovery.runtime.failure_log import FailureLog
from engram_discovery.runtime.supervisor import supervise
from engram_discovery.types import Endpoint, JoinOutcome, JoinReport

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from engram_discovery.joining.explain import JoinExplanation, Phase
    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.settings.models import JoinSettings
    from engram_discovery.sources.chain import Discovery
    from engram_discovery.sources.snapshot import Change, Snapshot

__all__ = ["Joiner"]


class Joiner:
    """Brings this node into its cluster and heals splits, for as long as the node runs.

    Gossip has no leader and no data to guard, so islands merge as soon as one member contacts a member of the
    other: healing rounds never stop. The engine's check of the cluster name and key keeps foreign clusters out.

    Args:
        membership: The engine, started before anything here is called.
        discovery: Provides the endpoints.
        is_self: Returns whether an endpoint is this node; called often, must not block.
        settings: The table ``[cluster.join]``.
        expected_size: The setting ``cluster.expected_size``.
        clock: For every wait and age.
        logger: For the events ``join.*`` and ``cluster.*``.
        random: For jitter and for the order of contacts.
    """

    def __init__(
        self,
        membership: Membership,
        discovery: Discovery,
        *,
        is_self: Callable[[Endpoint], bool],
        settings: JoinSettings,
        expected_size: int | None,
        clock: Clock,
        logger: Logger,
        random: random.Random,
    ) -> None:
        self._membership = membership
        self._discovery = discovery
        self._settings = settings
        self._clock = clock
        self._logger = logger
        self._random = random
        self._candidates = JoinCandidates(membership, is_self, clock=clock, random=random)
        self._progress = JoinProgress(membership, discovery, self._candidates, expected_size=expected_size)
        self._outcomes: Counter[str] = Counter()
        self._foreign = FailureLog(logger, clock, failed="join.foreign_cluster")
        self._joining = asyncio.Lock()
        self._healed_at = clock.monotonic()
        self._jitter = 1.0
        self._alone_backoff = Backoff(random)
        self._alone_wait = self._alone_backoff.next()
        self._explained_at = float("-inf")
        self._logged_severity = 0
        self._changes: AsyncIterator[Change] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def join_once(self) -> JoinReport:
        """Discover and join within ``settings.timeout`` seconds. A node that stays alone logs a warning.

        A source that hangs leaves at least half of the time to the joins; its round continues in the background.
        """
        now = self._clock.monotonic
        deadline = now() + self._settings.timeout
        snapshot = await self._discover(self._settings.timeout / 2)
        self._changes = self._discovery.changes()
        async with self._joining:
            non_members = self._candidates.non_members(snapshot.endpoints)
            report = await self._contact_enough(non_members, timeout=deadline - now())
        self._log_progress()
        return report

    async def _discover(self, timeout: float) -> Snapshot:
        """Return what the sources answer, or what is known of them after ``timeout`` seconds."""
        answer = asyncio.ensure_future(self._discovery.discover())
        try:
            await wait_any([answer], timeout=timeout, clock=self._clock)
            return answer.result() if answer.done() else self._discovery.snapshot()
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    def start(self) -> None:
        """Heal and log the progress in the background."""
        if self._tasks:
            return
        self._healed_at = self._clock.monotonic()
        self._jitter = self._random.uniform(0.0, 1.0)
        self._tasks = [
            self._in_background("healing", self._heal_regularly),
            self._in_background("healing on change", self._heal_on_change),
            self._in_background("cluster report", self._log_progress_regularly),
        ]

    async def aclose(self) -> None:
        """Stop healing, within about a second."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def heal(self) -> JoinReport:
        """Run one healing round: try to join a few known endpoints that are not live members. Never raises for them."""
        async with self._joining:
            self._healed_at = self._clock.monotonic()
            self._jitter = self._random.uniform(0.9, 1.1)
            endpoints = self._discovery.snapshot().endpoints
            self._candidates.keep_only(endpoints)
            self._discovery.remember(self._progress.live_endpoints())
            non_members = self._candidates.non_members(endpoints)
            if self._progress.need().is_alone:
                self._alone_wait = self._alone_backoff.next()
                return await self._contact_enough(non_members, timeout=self._settings.timeout)
            self._alone_backoff.reset()
            chosen = self._candidates.least_recently_tried(self._candidates.by_priority(non_members))[
                :HEAL_CONTACTS
            ]
            return await self._contact(chosen, target=HEAL_CONTACTS, timeout=self._settings.timeout)

    def explain(self) -> JoinExplanation:
        """Explain the progress: what is awaited, what each source and endpoint answered, and what happens next."""
        return self._progress.explain(next_in=max(0.0, self._next_heal - self._clock.monotonic()))

    def phase(self) -> Phase:
        """Return the phase of joining."""
        return self._progress.phase(self._progress.need())

    def outcomes(self) -> Mapping[str, int]:
        """Return the number of attempts by outcome; the keys are values of ``JoinOutcome``."""
        return MappingProxyType(dict(self._outcomes))

    async def _contact_enough(self, non_members: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        target = enough_contacts(len(non_members), at_least=self._settings.min_peers)
        order = self._candidates.by_priority(non_members)
        return await self._contact(order, target=target, timeout=timeout)

    async def _contact(self, endpoints: Sequence[Endpoint], *, target: int, timeout: float) -> JoinReport:
        if not endpoints:
            return JoinReport()
        attempt = ParallelJoin(
            self._membership,
            target=target,
            at_least=self._settings.min_peers,
            timeout=timeout,
            clock=self._clock,
        )
        report = await attempt.run(endpoints)
        self._candidates.record(report.attempts)
        self._outcomes.update(attempt.outcome.value for attempt in report.attempts)
        self._log(report)
        return report

    def _log(self, report: JoinReport) -> None:
        foreign = [attempt for attempt in report.attempts if attempt.outcome is JoinOutcome.FOREIGN]
        if foreign:
            self._foreign.failed(
                endpoint=str(foreign[0].endpoint), error=foreign[0].detail, count=len(foreign)
            )
        if report.joined:
            self._logger.info("join.joined", contacted=len(report.attempts), joined=report.joined)

    def _in_background(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(supervise(name, work, clock=self._clock, logger=self._logger), name=name)

    @property
    def _next_heal(self) -> float:
        usual = self._settings.heal_interval
        need = self._progress.need()
        wait = (min(URGENT_HEAL_INTERVAL, usual) if need.is_urgent else usual) * self._jitter
        # nodes that start together find the first ports closed: they open within a second or two (ADR 90)
        return self._healed_at + (min(wait, self._alone_wait) if need.is_alone else wait)

    async def _heal_regularly(self) -> None:
        while True:
            wait = self._next_heal - self._clock.monotonic()
            if wait > 0:
                # in short steps, because a split makes the next round urgent in the meantime
                await self._clock.sleep(min(wait, JOIN_CHECK_INTERVAL))
            else:
                await self.heal()

    async def _heal_on_change(self) -> None:
        if self._changes is None:
            self._changes = self._discovery.changes()
        async for change in self._changes:
            if not self._progress.need().is_urgent:
                # gossip brings most new nodes by itself: against a thundering herd on each of them
                await self._clock.sleep(self._random.uniform(0.0, NEW_ENDPOINT_SPREAD))
            if self._candidates.non_members(change.added):
                await self.heal()

    async def _log_progress_regularly(self) -> None:
        while True:
            await self._clock.sleep(JOIN_CHECK_INTERVAL)
            self._log_progress()

    def _log_progress(self) -> None:
        need = self._progress.need()
        severity = self._progress.phase(need).severity
        worse = severity > self._logged_severity
        again = need.is_incomplete and self._clock.monotonic() - self._explained_at >= EXPLAIN_INTERVAL
        if worse or again:
            self._explained_at = self._clock.monotonic()
            explanation = self.explain()
            self._logger.warning(
                "cluster.not_formed", phase=explanation.phase.value, explanation=explanation.paragraph()
            )
        elif self._logged_severity and not severity:
            self._logger.info("cluster.formed", live=need.counts.live)
        self._logged_severity = severity
