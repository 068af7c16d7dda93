"""Peers from a JSON file, ``["10.0.0.1:7946", "10.0.0.2:7946"]``, which is read again when it changes."""
# ruff: noqa: D101, D102, INP001  kept short: docs/tutorial/first-provider.md goes through it line by line

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import Field

from engram_discovery.provider import (
    DiscoveryError,
    Duration,
    Empty,
    Endpoint,
    FailureKind,
    Found,
    PluginContext,
    ProviderInfo,
    ProviderPlugin,
    Table,
    parse_address,
)


class Settings(Table):
    path: Path = Field(description="JSON file with a list of host:port.")
    poll_interval: Duration = Field(default=1.0, description="Time between reads of the file.")


class JsonFile:
    def __init__(self, settings: Settings, context: PluginContext) -> None:
        self._settings, self._clock = settings, context.clock

    async def discover(self) -> Found | Empty:
        path = self._settings.path
        try:
            listed = json.loads(await asyncio.to_thread(path.read_text, encoding="utf-8"))
            endpoints = tuple(Endpoint(*parse_address(text)) for text in listed)
        except OSError as error:
            raise DiscoveryError(f"{path}: {error.strerror}", kind=FailureKind.UNAVAILABLE) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise DiscoveryError(f"{path}: not a list of host:port", kind=FailureKind.BAD_DATA) from error
        return Found(endpoints) if endpoints else Empty(f"{path} lists no peer")

    async def watch(self) -> AsyncIterator[Found | Empty]:
        last = None
        while True:
            answer = await self.discover()
            if answer != last:
                yield (last := answer)
            await self._clock.sleep(self._settings.poll_interval)

    async def aclose(self) -> None: ...


CAN = frozenset({"discover", "watch"})
INFO = ProviderInfo(name="json_file", settings_model=Settings, summary="peers in a file", capabilities=CAN)
plugin = ProviderPlugin(INFO, discoverer=JsonFile)
