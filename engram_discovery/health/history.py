"""What the cluster looked like over the last minutes: for whoever comes to look after something happened."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engram_discovery.health.monitor import Verdict
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.types import EventKind, HealthStatus, MembershipEvent

__all__ = ["SPAN", "History", "MemberEvent", "Sample"]

#: Seconds that are remembered.
SPAN = 900.0

_FINEST = 1.0
_MOST_HAPPENINGS = 50


@dataclass(frozen=True, slots=True)
class Sample:
    """The verdict that held from a moment on.

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
        kind: What happened.
        node_id: To whom; empty if events were lost.
    """

    at: float
    kind: EventKind
    node_id: str


class History:
    """Remembers the last quarter of an hour, at one verdict a second at the most, and the last 50 member_events.

    Attributes:
        transitions: How often each status was entered, as the log tells it: flapping is damped.
        largest: Most members alive at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: deque[Sample] = deque(maxlen=int(SPAN / _FINEST) + 1)
        self._happenings: deque[MemberEvent] = deque(maxlen=_MOST_HAPPENINGS)
        self.transitions: Counter[HealthStatus] = Counter()
        self.largest = 0

    def judged(self, verdict: Verdict) -> None:
        """Take in a verdict. One that only repeats the last is not kept again."""
        self.largest = max(self.largest, verdict.alive)
        now = self._clock.monotonic()
        if self._moments and self._moments[-1].verdict == verdict:
            return
        if len(self._moments) > 1 and now - self._moments[-2].at < _FINEST:
            self._moments.pop()
        self._moments.append(Sample(now, verdict))
        # The one before the window tells what held at its beginning.
        while len(self._moments) > 1 and self._moments[1].at <= now - SPAN:
            self._moments.popleft()

    def happened(self, event: MembershipEvent) -> None:
        """Take in what happened to a member."""
        node_id = event.member.node_id if event.member else ""
        self._happenings.append(MemberEvent(self._clock.monotonic(), event.kind, node_id))

    def samples(self) -> tuple[Sample, ...]:
        """Return the verdicts, oldest first; each held until the next."""
        return tuple(self._moments)

    def member_events(self) -> tuple[MemberEvent, ...]:
        """Return the last member_events, newest first."""
        return tuple(reversed(self._happenings))
