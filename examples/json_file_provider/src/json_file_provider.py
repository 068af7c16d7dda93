"""Peers from a JSON file, ``["10.0.0.1:7946", "10.0.0.2:7946"]``, which is read again when it changes."""
# ruff: noqa: D101, D102, D103, INP001  kept short: docs/tutorial/first-provider.md goes through it line by line

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import Field

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.hookspecs import PluginContext, hookimpl
from engram_discovery.network.address import parse_address
from engram_discovery.settings.field_types import Duration, Table
from engram_discovery.types import Empty, Endpoint, Found, ProviderInfo


class Settings(Table):
    path: Path = Field(description="JSON file with a list of host:port.")
    poll_interval: Duration = Field(default=1.0, description="Time between looks at the file.")


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
        return Found(endpoints) if endpoints else Empty(f"{path} lists nobody")

    async def watch(self) -> AsyncIterator[Found | Empty]:
        told = None
        while True:
            answer = await self.discover()
            if answer != told:
                yield (told := answer)
            await self._clock.sleep(self._settings.poll_interval)

    async def aclose(self) -> None: ...


@hookimpl
def engram_providers() -> list[ProviderInfo]:
    can, summary = frozenset({"discover", "watch"}), "peers in a JSON file"
    return [ProviderInfo(name="json_file", settings_model=Settings, summary=summary, capabilities=can)]


@hookimpl
def engram_create_discoverer(provider: str, settings: Settings, context: PluginContext) -> JsonFile | None:
    return JsonFile(settings, context) if provider == "json_file" else None
