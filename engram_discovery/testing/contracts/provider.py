"""What all contract suites of a provider share: how it is made, driven and described."""

from __future__ import annotations

import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import pytest_asyncio

from engram_discovery.hookspecs import PluginContext
from engram_discovery.host import PluginHost
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.testing.contracts.backend import Backend
from engram_discovery.testing.log import RecordingLogger
from engram_discovery.types import NodeIdentity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

__all__ = ["IDENTITY", "ProviderContract", "paused"]

IDENTITY = NodeIdentity(node_id="contract-1", generation=1, cluster="contract")


class ProviderContract:
    """Name the provider under test, and its backend.

    Attributes:
        provider: Its name.
        plugin: Module with its hooks; leave it out if the plugin is installed.
        capabilities: What your ``Backend`` can do, and your provider beyond the least. The rest is skipped.
        secrets: Values in ``settings`` that must be seen nowhere.
        timeout: Seconds that the host would allow for a call.
        within: Seconds within which a change must be seen.
    """

    provider: ClassVar[str]
    plugin: ClassVar[object | None] = None
    capabilities: ClassVar[frozenset[str]] = frozenset()
    secrets: ClassVar[tuple[str, ...]] = ()
    timeout: ClassVar[float] = 2.0
    within: ClassVar[float] = 5.0

    _known: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unknown = cls.capabilities - cls._known
        if unknown:
            expected = ", ".join(sorted(cls._known)) or "none"
            raise TypeError(
                f"{cls.__name__}: unknown capability {min(unknown)}; expected some of: {expected}"
            )

    # --- yours to override ---------------------------------------------------------------------------------

    def make_backend(self, directory: Path) -> Backend:
        """Return your server, not yet started; it may keep files in ``directory``."""
        del directory
        return Backend()

    def settings(self, backend: Any) -> Mapping[str, Any]:
        """Return the table ``[cluster.<provider>]`` that makes your provider use ``backend``."""
        del backend
        return {}

    # --- fixtures ------------------------------------------------------------------------------------------

    @pytest_asyncio.fixture(loop_scope="function")
    async def backend(self, tmp_path: Path) -> AsyncIterator[Backend]:
        """Your server, running and empty."""
        backend = self.make_backend(tmp_path)
        await backend.start()
        try:
            yield backend
        finally:
            await backend.stop()

    @pytest.fixture
    def log(self) -> RecordingLogger:
        """What the provider logs."""
        return RecordingLogger()

    @pytest.fixture
    def host(self) -> PluginHost:
        """A plugin host that knows the provider."""
        return self.make_host()

    @pytest.fixture
    def context(self, log: RecordingLogger) -> PluginContext:
        """What the host hands to the provider's factories."""
        return PluginContext(
            provider=self.provider,
            identity=IDENTITY,
            logger=log,
            clock=SystemClock(),
            timeout=self.timeout,
            cluster=IDENTITY.cluster,
        )

    # --- what the tests are written with -------------------------------------------------------------------

    def needs(self, *capabilities: str) -> None:
        """Skip the test, by name, unless all of these are declared."""
        missing = [name for name in capabilities if name not in self.capabilities]
        if missing:
            pytest.skip(f'{type(self).__name__}.capabilities has no "{missing[0]}"')

    def make_host(self) -> PluginHost:
        """Return a plugin host that knows the provider: by ``plugin`` alone, or else by what is installed."""
        if self.plugin is None:
            return PluginHost()
        host = PluginHost(entry_points=())
        host.register(self.plugin, name=self.provider)
        return host

    def table(self, host: PluginHost, backend: Backend) -> Any:
        """Return the settings, validated by the provider's model."""
        model: Any = host.provider(self.provider).settings_model
        return model.model_validate(dict(self.settings(backend)))

    def assert_no_secret(self, **seen: object) -> None:
        """Fail if a secret is in any of these, in its ``repr``, or in the traceback of an error."""
        if not self.secrets:
            pytest.skip(f"{type(self).__name__}.secrets is empty")
        for name, one in seen.items():
            for number, secret in enumerate(self.secrets):
                assert secret not in _text(one), f"secrets[{number}] is shown in the {name}"  # noqa: S101  as any suite


def _text(one: object) -> str:
    trace = "".join(traceback.format_exception(one)) if isinstance(one, BaseException) else ""
    return f"{one} {one!r} {trace}"


@asynccontextmanager
async def paused(backend: Backend) -> AsyncIterator[None]:
    """Freeze a server for a while."""
    await backend.pause()
    try:
        yield
    finally:
        await backend.resume()
