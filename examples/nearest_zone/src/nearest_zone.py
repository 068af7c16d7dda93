"""Wrappers round any provider: prefer the peers of one zone, and ask a slow source less often.

host = PluginHost()
host.register(NearestZone("eu-1"), name="nearest-zone")
host.register(Cached(seconds=60), name="cached")
cluster = await initialize_cluster(settings, host=host)
"""
# ruff: noqa: INP001  a module of its own, not a package

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engram_discovery.provider import Found, hookimpl

if TYPE_CHECKING:
    from collections.abc import Generator

    from engram_discovery.provider import Discoverer, Empty, PluginContext

    Making = Generator[None, Discoverer | None, Discoverer | None]

__all__ = ["Cached", "NearestZone"]


@dataclass(frozen=True)
class NearestZone:
    """A plugin that lets every provider tell of the peers in ``zone`` only, as long as there are any."""

    zone: str

    @hookimpl(wrapper=True)
    def engram_create_discoverer(self) -> Making:
        """Decorate what the provider's own factory has made."""
        made = yield
        return made and _NearestZone(made, self.zone)


@dataclass(frozen=True)
class Cached:
    """A plugin that keeps every provider's answer for some seconds; an error is never kept."""

    seconds: float

    @hookimpl(wrapper=True)
    def engram_create_discoverer(self, context: PluginContext) -> Making:
        """Decorate what the provider's own factory has made."""
        made = yield
        return made and _Cached(made, context, self.seconds)


class _Decorated:
    """Has no ``watch``, so the host polls what is decorated, whether it could be watched or not."""

    def __init__(self, inner: Discoverer) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        await self._inner.aclose()


class _NearestZone(_Decorated):
    def __init__(self, inner: Discoverer, zone: str) -> None:
        super().__init__(inner)
        self._zone = zone

    async def discover(self) -> Found | Empty:
        answer = await self._inner.discover()
        if not isinstance(answer, Found):
            return answer
        near = tuple(endpoint for endpoint in answer.endpoints if endpoint.zone == self._zone)
        return replace(answer, endpoints=near or answer.endpoints)  # nobody near: rather far than alone


class _Cached(_Decorated):
    def __init__(self, inner: Discoverer, context: PluginContext, seconds: float) -> None:
        super().__init__(inner)
        self._clock = context.clock
        self._seconds = seconds
        self._kept: tuple[float, Any] | None = None

    async def discover(self) -> Found | Empty:
        now = self._clock.monotonic()
        if self._kept is None or now - self._kept[0] >= self._seconds:
            self._kept = None
            self._kept = (now, await self._inner.discover())
        answer: Found | Empty = self._kept[1]
        return answer
