"""Join the cluster, and go on looking for whoever is not in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.joining.candidates import JoinCandidates
from engram_discovery.joining.parallel_join import ParallelJoin, enough_contacts
from engram_discovery.joining.progress import JoinProgress
from engram_discovery.runtime.backoff import Backoff
from engram_discovery.runtime.failure_log import FailureLog
from engram_discovery.runtime.supervisor import supervise
from engram_discovery.types import Endpoint, JoinOutcome, JoinReport

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from engram_discovery.joining.explain import Explanation, Phase
    from engram_discovery.protocols import Membership
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger
    from engram_discovery.settings.models import JoinSettings
    from engram_discovery.sources.chain import Discovery
    from engram_discovery.sources.snapshot import Change

__all__ = ["Joiner"]

#: Seconds between two looks while alone or in a minority.
HASTE = 10.0

#: Endpoints contacted by one look while others are with us.
FEW = 3

#: Seconds between two paragraphs in the log while something is missing.
_TELL_EVERY = 10.0

_LOOK_UP_EVERY = 2.0

_NEWCOMERS_TIME = 2.0


class Joiner:
    """Brings this node into its cluster and heals splits, for as long as the node runs.

    Gossip has no leader and no data to guard, so islands merge as soon as one member contacts a member of the
    other: healing rounds never stop. The engine's check of the cluster name and key keeps foreign clusters out.

    Args:
        membership: The engine, started before anything here is called.
        discovery: Where endpoints come from.
        is_self: Tells whether an endpoint is this node; called often, must not block.
        settings: Deadlines and numbers.
        expected_size: How many nodes there should be, if that is known.
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
        self._contacts = JoinCandidates(membership, is_self, clock=clock, random=random)
        self._outlook = JoinProgress(membership, discovery, self._contacts, expected_size=expected_size)
        self._counts: Counter[str] = Counter()
        self._foreign = FailureLog(logger, clock, failed="join.foreign_cluster")
        self._busy = asyncio.Lock()
        self._looked_at = clock.monotonic()
        self._pace_factor = 1.0
        self._impatience = Backoff(random)
        self._patience_alone = self._impatience.next()
        self._told_at = float("-inf")
        self._told_severity = 0
        self._changes: AsyncIterator[Change] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- start-up ----------------------------------------------------------------------------------------

    async def join_once(self) -> JoinReport:
        """Discover and join within ``settings.timeout`` seconds. Finding nobody is said loudly, not raised.

        A source that hangs leaves at least half of the time to the contacts; its round goes on behind our
        back.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + self._settings.timeout
        try:
            async with asyncio.timeout(self._settings.timeout / 2):
                snapshot = await self._discovery.discover()
        except TimeoutError:
            snapshot = self._discovery.snapshot()
        self._changes = self._discovery.changes()
        async with self._busy:
            non_members = self._contacts.non_members(snapshot.endpoints)
            report = await self._contact_enough(non_members, timeout=deadline - now())
        self._tell_if_wanted()
        return report

    # --- for ever ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Go on looking, and telling, in the background."""
        if self._tasks:
            return
        self._looked_at = self._clock.monotonic()
        self._pace_factor = self._random.uniform(0.0, 1.0)
        self._tasks = [
            self._in_background("healing", self._heal_for_ever),
            self._in_background("healing on change", self._heal_on_change),
            self._in_background("cluster report", self._tell_for_ever),
        ]

    async def aclose(self) -> None:
        """Stop looking, within a second or so."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def heal(self) -> JoinReport:
        """Look once: contact some of those who are known and not with us. Never raises for what they do."""
        async with self._busy:
            self._looked_at = self._clock.monotonic()
            self._pace_factor = self._random.uniform(0.9, 1.1)
            endpoints = self._discovery.snapshot().endpoints
            self._contacts.keep_only(endpoints)
            self._discovery.remember(self._outlook.live_endpoints())
            non_members = self._contacts.non_members(endpoints)
            if self._outlook.count().is_alone:
                self._patience_alone = self._impatience.next()
                return await self._contact_enough(non_members, timeout=self._settings.timeout)
            self._impatience.reset()
            few = self._contacts.longest_untried(self._contacts.by_priority(non_members))[:FEW]
            return await self._contact(few, target=FEW, timeout=self._settings.timeout)

    # --- telling -----------------------------------------------------------------------------------------

    def explain(self) -> Explanation:
        """Say where we are, what is awaited, what each source and each peer answered, and what comes next."""
        return self._outlook.explain(next_in=max(0.0, self._next_look - self._clock.monotonic()))

    def phase(self) -> Phase:
        """Say how far we are, in one word."""
        return self._outlook.phase(self._outlook.count())

    def counts(self) -> Mapping[str, int]:
        """Return how many contacts had which outcome, by the names of ``JoinOutcome``."""
        return MappingProxyType(dict(self._counts))

    # --- contacts ----------------------------------------------------------------------------------------

    async def _contact_enough(self, non_members: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        target = enough_contacts(len(non_members), at_least=self._settings.min_peers)
        order = self._contacts.by_priority(non_members)
        return await self._contact(order, target=target, timeout=timeout)

    async def _contact(self, endpoints: Sequence[Endpoint], *, target: int, timeout: float) -> JoinReport:
        if not endpoints:
            return JoinReport()
        effort = ParallelJoin(
            self._membership, target=target, at_least=self._settings.min_peers, timeout=timeout
        )
        report = await effort.run(endpoints)
        self._contacts.record(report.attempts)
        self._counts.update(attempt.outcome.value for attempt in report.attempts)
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

    # --- loops -------------------------------------------------------------------------------------------

    def _in_background(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(supervise(name, work, clock=self._clock, logger=self._logger), name=name)

    @property
    def _next_look(self) -> float:
        usual = self._settings.heal_interval
        count = self._outlook.count()
        wait = (min(HASTE, usual) if count.is_urgent else usual) * self._pace_factor
        # Who starts together with all the others finds the first doors closed: they open within a second or two.
        return self._looked_at + (min(wait, self._patience_alone) if count.is_alone else wait)

    async def _heal_for_ever(self) -> None:
        while True:
            wait = self._next_look - self._clock.monotonic()
            if wait > 0:
                # In short steps, because a split makes the next look urgent while we wait.
                await self._clock.sleep(min(wait, _LOOK_UP_EVERY))
            else:
                await self.heal()

    async def _heal_on_change(self) -> None:
        if self._changes is None:
            self._changes = self._discovery.changes()
        async for change in self._changes:
            if not self._outlook.count().is_urgent:
                # Gossip brings most newcomers by itself; a whole cluster must not fall upon each of them.
                await self._clock.sleep(self._random.uniform(0.0, _NEWCOMERS_TIME))
            if self._contacts.non_members(change.added):
                await self.heal()

    async def _tell_for_ever(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_UP_EVERY)
            self._tell_if_wanted()

    def _tell_if_wanted(self) -> None:
        count = self._outlook.count()
        severity = self._outlook.phase(count).severity
        worse = severity > self._told_severity
        again = count.is_incomplete and self._clock.monotonic() - self._told_at >= _TELL_EVERY
        if worse or again:
            self._told_at = self._clock.monotonic()
            explanation = self.explain()
            self._logger.warning(
                "cluster.not_formed", phase=explanation.phase.value, explanation=explanation.paragraph()
            )
        elif self._told_severity and not severity:
            self._logger.info("cluster.formed", alive=count.alive)
        self._told_severity = severity
