"""The promises of every plugin, whatever server it uses."""
# ruff: noqa: S101  a contract suite asserts

from __future__ import annotations

import asyncio
import importlib
import socket
from importlib.metadata import entry_points
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ValidationError

from engram_discovery.errors import PluginError
from engram_discovery.hookspecs import PROJECT_NAME
from engram_discovery.protocols import WatchingDiscoverer
from engram_discovery.provider import ProviderPlugin
from engram_discovery.testing.contracts.imports import CHEAP, measure_import
from engram_discovery.testing.contracts.provider import ProviderContract
from engram_discovery.testing.contracts.sources import ENVIRONMENT, LOGGING, find_uses

if TYPE_CHECKING:
    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.host import PluginHost
    from engram_discovery.protocols import Discoverer, Registrar
    from engram_discovery.testing.contracts.backend import Backend

__all__ = ["PluginContract"]

_CAPABILITIES = frozenset({"discover", "watch", "register", "health"})
_CANARY = "canary-1b6f0a"


class PluginContract(ProviderContract):
    """The promises of ``engram_discovery.hookspecs`` and of the provider's settings model. Needs no server."""

    @pytest.fixture
    def host(self) -> PluginHost:
        """A plugin host that knows the provider."""
        try:
            host = self.make_host()
            host.provider(self.provider)
        except PluginError:
            pytest.skip("the host refuses the plugin; see test_the_host_loads_it")
        return host

    # --- hooks ---------------------------------------------------------------------------------------------

    def test_the_host_loads_it(self) -> None:
        """Its hooks have the right names and arguments, and it declares the provider for this contract version."""
        assert self.make_host().provider(self.provider).name == self.provider

    def test_it_describes_itself(self, host: PluginHost) -> None:
        """Its summary is one line, and the host knows its capabilities."""
        info = host.provider(self.provider)

        assert info.summary, "ProviderInfo.summary is empty"
        assert "\n" not in info.summary, "ProviderInfo.summary is one line"
        assert info.capabilities <= _CAPABILITIES, f"capabilities are some of {sorted(_CAPABILITIES)}"

    @pytest.mark.asyncio(loop_scope="function")
    async def test_it_creates_what_it_declares(
        self, host: PluginHost, backend: Backend, context: PluginContext
    ) -> None:
        """It creates a discoverer, and a registrar, health checks or a watch exactly if it declares them."""
        declared = host.provider(self.provider).capabilities
        table = self.table(host, backend)
        discoverer = host.create_discoverer(self.provider, table, context)
        registrar = host.create_registrar(self.provider, table, context)
        checks = host.create_health_checks(self.provider, table, context)
        await _close(discoverer, registrar)

        made = {
            "discover": True,
            "watch": isinstance(discoverer, WatchingDiscoverer),
            "register": registrar is not None,
            "health": bool(checks),
        }
        assert {name for name, is_made in made.items() if is_made} == declared

    def test_other_providers_are_ignored(
        self, host: PluginHost, backend: Backend, context: PluginContext
    ) -> None:
        """Called for another provider, each factory returns nothing."""
        plugin = self._plugin()
        arguments = {"provider": "somebody_elses", "settings": self.table(host, backend), "context": context}

        for hook in ("engram_create_discoverer", "engram_create_registrar", "engram_create_health_checks"):
            function = getattr(plugin, hook, None)
            made = function(**arguments) if function else None

            assert not made, f"{hook} made {made} for another plugin's provider"

    @pytest.mark.asyncio(loop_scope="function")
    async def test_factories_do_not_connect(
        self,
        host: PluginHost,
        backend: Backend,
        context: PluginContext,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A factory only creates the object; its first coroutine resolves names and opens connections."""
        table = self.table(host, backend)

        def refuse(*arguments: object, **_options: object) -> None:
            raise ConnectionError(f"a factory used the network: {arguments[-1]}")

        with monkeypatch.context() as patch:
            for owner, name in ((socket.socket, "connect"), (socket, "getaddrinfo")):
                patch.setattr(owner, name, refuse)
            discoverer = host.create_discoverer(self.provider, table, context)
            registrar = host.create_registrar(self.provider, table, context)
            host.create_health_checks(self.provider, table, context)

        await _close(discoverer, registrar)

    # --- the module ----------------------------------------------------------------------------------------

    def test_importing_is_cheap(self) -> None:
        """The entry point's module is imported in less than 20 ms, the best of some fresh processes."""
        seconds = measure_import(self._module().__name__).seconds

        assert seconds < CHEAP, f"the import took {seconds * 1000:.0f} ms; import inside the factory instead"

    def test_importing_brings_no_client_library(self) -> None:
        """The entry point's module imports nothing but Python, this package, pydantic and itself."""
        foreign = measure_import(self._module().__name__).foreign

        assert foreign == [], f"imported with the plugin: {foreign}; import them inside the factory instead"

    def test_the_environment_is_not_read(self) -> None:
        """Nothing in the package uses os.environ: the host reads the environment and keeps the origin of each value."""
        assert find_uses(self._module(), ENVIRONMENT) == []

    def test_logging_is_not_configured(self) -> None:
        """Nothing in the package configures logging: the program does."""
        assert find_uses(self._module(), LOGGING) == []

    # --- settings ------------------------------------------------------------------------------------------

    def test_unknown_keys_are_refused(self, host: PluginHost, backend: Backend) -> None:
        """A misspelt key is an error, never ignored."""
        with pytest.raises(ValidationError):
            self._model(host).model_validate({**self.settings(backend), "no_such_key": 1})

    def test_settings_are_frozen(self, host: PluginHost) -> None:
        """The model is frozen: no object changes the settings of another."""
        assert self._model(host).model_config.get("frozen"), (
            'set model_config = ConfigDict(frozen=True, extra="forbid")'
        )

    def test_every_key_is_described(self, host: PluginHost) -> None:
        """Each key has a description, which ``plugins show`` and the reference print."""
        fields = self._model(host).model_fields

        assert [key for key, field in fields.items() if not field.description] == []

    def test_errors_show_no_value(self, host: PluginHost, backend: Backend) -> None:
        """A validation error does not contain the value: it may be a secret in the wrong place."""
        model = self._model(host)
        for key in model.model_fields:
            message = ""
            try:
                model.model_validate({**self.settings(backend), key: {_CANARY: [_CANARY]}})
            except ValidationError as error:
                message = str(error)

            assert _CANARY not in message, f"{key}: set hide_input_in_errors=True in model_config"

    def test_no_secret_is_shown(self, host: PluginHost, backend: Backend) -> None:
        """A secret of the settings is in no repr and no dump of them."""
        table = self.table(host, backend)

        self.assert_no_secret(settings=table, dump=table.model_dump_json())

    def _model(self, host: PluginHost) -> type[BaseModel]:
        model: type[BaseModel] = host.provider(self.provider).settings_model
        return model

    def _plugin(self) -> object:
        if self.plugin is not None:
            return self.plugin
        [entry_point] = entry_points(group=PROJECT_NAME, name=self.provider)
        return entry_point.load()

    def _module(self) -> ModuleType:
        """Return the module that defines the plugin."""
        if self.plugin is None:
            [entry_point] = entry_points(group=PROJECT_NAME, name=self.provider)
            return importlib.import_module(entry_point.module)
        if isinstance(self.plugin, ModuleType):
            return self.plugin
        module = (
            self.plugin.module if isinstance(self.plugin, ProviderPlugin) else type(self.plugin).__module__
        )
        return importlib.import_module(module)


async def _close(discoverer: Discoverer, registrar: Registrar | None) -> None:
    async with asyncio.timeout(2.0):
        await discoverer.aclose()
        if registrar is not None:
            await registrar.aclose()
