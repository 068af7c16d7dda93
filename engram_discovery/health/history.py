"""Keep the verdicts and member events of the last minutes, for the status page."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.defaults import HISTORY_LENGTH, HISTORY_RESOLUTION, MAX_MEMBER_EVENTS

if TYPE_CHECKING:
    from engram_discovery.health.summary import Verdict
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import EventKind, HealthStatus, MembershipEvent

__all__ = ["HealthHistory", "MemberEvent", "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A verdict, valid until the next sample.

    Attributes:
        at: Monotonic seconds.
        verdict: Counts and status.
    """

    at: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class MemberEvent:
    """One change of one member.

    Attributes:
        at: Monotonic seconds.
        kind: The kind of event.
        node_id: The member; empty if events were lost.
    """

    at: float
    kind: EventKind
    node_id: str


class HealthHistory:
    """Keeps a quarter of an hour, with at most one verdict a second, and the last 50 member events.

    Attributes:
        transitions: Number of changes to each status, as logged: flapping is damped.
        largest: Largest number of members alive at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=int(HISTORY_LENGTH / HISTORY_RESOLUTION) + 1)
        self._events: deque[MemberEvent] = deque(maxlen=MAX_MEMBER_EVENTS)
        self.transitions: Counter[HealthStatus] = Counter()
        self.largest = 0

    def record_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict that differs from the last one."""
        self.largest = max(self.largest, verdict.counts.alive)
        now = self._clock.monotonic()
        if self._samples and self._samples[-1].verdict == verdict:
            return
        if len(self._samples) > 1 and now - self._samples[-2].at < HISTORY_RESOLUTION:
            self._samples.pop()
        self._samples.append(Sample(now, verdict))
        # the sample before the window holds the verdict at its start
        while len(self._samples) > 1 and self._samples[1].at <= now - HISTORY_LENGTH:
            self._samples.popleft()

    def record_event(self, event: MembershipEvent) -> None:
        """Keep an event of a member."""
        node_id = event.member.node_id if event.member else ""
        self._events.append(MemberEvent(self._clock.monotonic(), event.kind, node_id))

    def samples(self) -> tuple[Sample, ...]:
        """Return the verdicts, oldest first."""
        return tuple(self._samples)

    def member_events(self) -> tuple[MemberEvent, ...]:
        """Return the last member events, newest first."""
        return tuple(reversed(self._events))
