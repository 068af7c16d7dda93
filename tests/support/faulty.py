"""A registry that lies, fails, hangs and crashes at random, and remembers what it truly said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.types import Empty, Endpoint, Found

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Sequence


class FaultyDiscoverer:
    """Answers from ``registry`` with the chance of one fault or another at each round."""

    def __init__(self, registry: Sequence[Endpoint], random: random.Random, *, faults: float) -> None:
        self._registry = registry
        self._random = random
        self.faults = faults
        self.said: list[str] = []
        self._misdeeds: list[Callable[[], Awaitable[Any]]] = [
            self._fail,
            self._hang,
            self._crash,
            self._exit,
            self._say_nobody,
            self._talk_nonsense,
            self._tell_half,
        ]

    async def discover(self) -> Any:
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        if self._random.random() >= self.faults:
            self.said.append("found")
            return Found(tuple(self._registry))
        misdeed = self._random.choice(self._misdeeds)
        self.said.append(misdeed.__name__.strip("_"))
        return await misdeed()

    async def aclose(self) -> None:
        """Nothing to close."""

    async def _fail(self) -> Any:
        raise DiscoveryError("simulated", kind=self._random.choice(list(FailureKind)))

    async def _hang(self) -> Any:
        await asyncio.Event().wait()

    async def _crash(self) -> Any:
        raise RuntimeError("simulated")

    async def _exit(self) -> Any:
        raise SystemExit(1)

    async def _say_nobody(self) -> Any:
        return Empty("simulated")

    async def _talk_nonsense(self) -> Any:
        return self._random.choice([None, "nonsense", 7, [Endpoint("10.9.9.9", 1)]])

    async def _tell_half(self) -> Any:
        half = self._random.sample(list(self._registry), max(1, len(self._registry) // 2))
        return Found(tuple(half), complete=False)
