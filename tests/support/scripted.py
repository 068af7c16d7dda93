"""Discoverers that do as a script says, the last step again and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.types import Empty, Endpoint, Found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Step = Any  # Found | Empty | BaseException | Callable[[], Awaitable[Any]] | anything that is no answer


def peers(*numbers: int, **facts: Any) -> tuple[Endpoint, ...]:
    """Return endpoints 10.0.0.<n>:7946."""
    return tuple(Endpoint(f"10.0.0.{number}", 7946, **facts) for number in numbers)


def found(*numbers: int, **facts: Any) -> Found:
    """Return an answer with these peers."""
    return Found(peers(*numbers), **facts)


def failure(
    kind: FailureKind = FailureKind.UNAVAILABLE, message: str = "away", **facts: Any
) -> DiscoveryError:
    """Return an error to raise."""
    return DiscoveryError(message, kind=kind, **facts)


EMPTY = Empty("nobody")


async def hang() -> None:
    """Never return, but end when cancelled."""
    await asyncio.Event().wait()


async def perform(step: Step) -> Any:
    """Do one step: call it, raise it, or return it."""
    if isinstance(step, BaseException):
        raise step
    return await step() if callable(step) else step


class Scripted:
    """A discoverer that follows its script."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.asked_at: list[float] = []
        self.closed = 0

    async def discover(self) -> Any:
        self.asked_at.append(asyncio.get_running_loop().time())
        return await perform(self.steps.pop(0) if len(self.steps) > 1 else self.steps[0])

    async def aclose(self) -> None:
        self.closed += 1


class ScriptedWatch(Scripted):
    """A discoverer whose watch is fed by the test: an answer to yield, or an exception to raise."""

    def __init__(self, *steps: Step) -> None:
        super().__init__(*steps)
        self.pushed: asyncio.Queue[Step] = asyncio.Queue()
        self.watches = 0

    async def watch(self) -> AsyncIterator[Any]:
        self.watches += 1
        while True:
            yield await perform(await self.pushed.get())
