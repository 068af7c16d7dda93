"""A registry that is one file, and the provider ``registry`` that reads and watches it, for the nodes of a test.

The file is a JSON list of addresses. Without the file the registry is down; it may hold garbage; ``hang`` in it
makes the provider wait for ever. ``Registry`` installs the provider by an entry point, like any other plugin.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from pydantic import BaseModel

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.hookspecs import PluginContext, hookimpl
from engram_discovery.network.address import parse_address
from engram_discovery.types import Empty, Endpoint, Found, ProviderInfo

_HANG = '"hang"'

_LOOK_EVERY = 0.1


class RegistrySettings(BaseModel):
    """Where the file is."""

    path: Path


class RegistryDiscoverer:
    """Answers with what the file says."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def discover(self) -> Found | Empty:
        """Read the file."""
        text = self._read()
        if text == _HANG:
            await asyncio.Event().wait()
        return _understand(text)

    async def watch(self) -> AsyncIterator[Found | Empty]:
        """Answer at once, and again when the file has changed."""
        seen = self._read()
        yield await self.discover()
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if self._read() != seen:
                seen = self._read()
                yield await self.discover()

    async def aclose(self) -> None:
        """Do nothing."""

    def _read(self) -> str:
        try:
            return self._path.read_text()
        except FileNotFoundError:
            raise DiscoveryError("the registry is down", kind=FailureKind.UNAVAILABLE) from None


class Registry:
    """The test's end of it: says what the registry tells its clients.

    Args:
        folder: For the file and for what the installation is made of.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "registry.json"
        self._installed = folder / "installed"
        info = self._installed / "engram_test_registry-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: engram-test-registry\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[engram_discovery]\nregistry = {__name__}\n")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which a node finds the provider installed."""
        checkout = Path(__file__).parents[2]
        return {"PYTHONPATH": f"{self._installed}:{checkout}"}

    def settings(self, head: str = "") -> str:
        """Write settings that find peers here."""
        return (
            f'[cluster]\nenabled = true\nname = "test"\ndiscovery = "registry"\n{head}\n'
            f'[cluster.registry]\npath = "{self._path}"\n'
        )

    def tell(self, addresses: Iterable[str]) -> None:
        """List these addresses, in one step."""
        self.answer(json.dumps(list(addresses)))

    def answer(self, text: str) -> None:
        """Answer with any text."""
        new = self._path.with_suffix(".new")
        new.write_text(text)
        new.replace(self._path)

    def fail(self) -> None:
        """Be down."""
        self._path.unlink(missing_ok=True)

    def hang(self) -> None:
        """Take questions and never answer."""
        self.answer(_HANG)


def _understand(text: str) -> Found | Empty:
    try:
        addresses = [parse_address(listed) for listed in json.loads(text)]
    except (ValueError, TypeError, AttributeError):
        raise DiscoveryError("not a list of addresses", kind=FailureKind.BAD_DATA) from None
    endpoints = tuple(Endpoint(*address, source="registry") for address in addresses)
    return Found(endpoints) if endpoints else Empty("nobody is registered")


@hookimpl
def engram_providers() -> list[ProviderInfo]:
    """Offer ``registry``."""
    return [ProviderInfo(name="registry", settings_model=RegistrySettings, summary="a file, for tests")]


@hookimpl
def engram_create_discoverer(
    provider: str, settings: RegistrySettings, context: PluginContext
) -> RegistryDiscoverer | None:
    """Make the discoverer of ``registry``."""
    return RegistryDiscoverer(settings.path) if provider == "registry" else None
