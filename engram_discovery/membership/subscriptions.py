"""Deliver events to any number of consumers on an event loop, without waiting for any of them."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from typing import TYPE_CHECKING

from engram_discovery.defaults import MAX_QUEUED_EVENTS
from engram_discovery.types import EventKind, MembershipEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Subscription", "Subscriptions"]


class Subscription:
    """An async iterator over events from its creation on. A consumer that falls behind reads ``LOST`` next."""

    def __init__(self, capacity: int = MAX_QUEUED_EVENTS) -> None:
        self._events: deque[MembershipEvent] = deque()
        self._capacity = capacity
        self._lost = 0
        self._closed = False
        self._wake = asyncio.Event()

    def put(self, event: MembershipEvent) -> None:
        """Queue an event; drop the oldest one if the queue is full. Call only on the loop's thread."""
        if len(self._events) >= self._capacity:
            self._events.popleft()
            self._lost += 1
        self._events.append(event)
        self._wake.set()

    def close(self) -> None:
        """End the iteration after what is queued."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> MembershipEvent:
        while not (self._lost or self._events):
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        if self._lost:
            lost, self._lost = self._lost, 0
            return MembershipEvent(EventKind.LOST, count=lost)
        return self._events.popleft()


class Subscriptions:
    """The consumers of one engine, weakly referenced."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._closed = False

    def subscribe(self) -> Subscription:
        """Create a subscription that starts now."""
        subscription = Subscription()
        if self._closed:
            subscription.close()
        else:
            self._open.add(subscription)
        return subscription

    def publish(self, events: Iterable[MembershipEvent]) -> None:
        """Queue events for every consumer. Only on the loop's thread."""
        for event in events:
            for subscription in tuple(self._open):
                subscription.put(event)

    def close(self) -> None:
        """End every consumer's iteration."""
        self._closed = True
        for subscription in tuple(self._open):
            subscription.close()
