"""A later version of the contract: what it adds harms no plugin, and what it is going to drop is told."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pluggy
import pytest

from engram_discovery.errors import PluginError
from engram_discovery.hookspecs import PROJECT_NAME, HookSpecs, hookspec
from engram_discovery.host.calls import HookCalls
from engram_discovery.host.catalogue import Catalogue
from engram_discovery.protocols import Discoverer
from engram_discovery.testing import LogEvent
from engram_discovery.types import Empty
from tests.support.installed_plugins import Site


class LaterSpecs(HookSpecs):
    """The hooks as a later version might have them."""

    @hookspec(firstresult=True, warn_on_impl_args={"settings": DeprecationWarning("use context.table")})
    def engram_create_discoverer(  # type: ignore[override]
        self, provider: str, settings: Any, context: Any, zone: Any
    ) -> None: ...

    @hookspec(warn_on_impl=DeprecationWarning("use engram_create_probes"))
    def engram_create_health_checks(self, provider: Any, settings: Any, context: Any) -> None: ...  # type: ignore[override]


@pytest.fixture
def calls() -> Any:
    plugins = pluggy.PluginManager(PROJECT_NAME)
    plugins.add_hookspecs(LaterSpecs)
    return HookCalls(plugins, timeout=50)


@pytest.fixture
def load(site: Site, calls: Any, log: Any) -> Any:
    """Load the one plugin that is installed, as a host of the later version would."""

    def load() -> Any:
        catalogue = Catalogue(
            calls, allow=None, deny=(), logger=log, entry_points=site.entry_points, timeout=50
        )
        return catalogue.owner("acme")[0]

    return load


async def test_an_appended_argument_harms_no_plugin(
    site: Site, calls: Any, load: Any, plugin_source: Any
) -> None:
    """A plugin that does not name it is called without it."""
    source = plugin_source("acme").replace("(provider, settings, context)", "(provider)")
    site.install("acme-discovery", acme=source)

    [made] = calls.make(
        load(),
        "engram_create_discoverer",
        Discoverer,
        (),
        provider="acme",
        settings=None,
        context=None,
        zone="a",
    )

    assert await made.discover() == Empty("nobody")


@pytest.mark.filterwarnings("ignore:use :DeprecationWarning")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "@hookimpl\ndef engram_create_health_checks(): return []",
            "implements engram_create_health_checks, which is deprecated: use engram_create_probes",
        ),
        (
            "",  # the discoverer's factory of every such plugin takes the settings
            'takes the argument "settings" of engram_create_discoverer, which is deprecated: use context.table',
        ),
    ],
)
def test_what_is_deprecated_is_told_and_works(
    site: Site, load: Any, log: Any, plugin_source: Any, source: Any, said: Any
) -> None:
    """The log and the plugin's record name plugin, distribution, version, and what to use instead."""
    site.install("acme-discovery", version="1.2", acme=plugin_source("acme") + source)

    record = load().record()

    text = f'plugin "acme" (acme-discovery 1.2) {said}'
    assert LogEvent("warning", "plugin.deprecated", {"plugin": "acme", "error": text}) in log.events
    assert text in record.warnings
    assert (record.state, record.error) == ("loaded", None)


def test_its_authors_tests_show_it(site: Site, load: Any, plugin_source: Any) -> None:
    """It is a DeprecationWarning as well; where warnings are errors, as in the template, the error names it."""
    site.install("acme-discovery", acme=plugin_source("acme"))

    with pytest.raises(
        PluginError, match=r"raised in its registration: DeprecationWarning: use context\.table"
    ):
        load()


def test_nothing_is_deprecated_without_need(site: Site, log: Any, plugin_source: Any, calls: Any) -> None:
    """A plugin that uses what is there today is warned of nothing."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    module = import_module(site.module("acme-discovery", "acme"))
    plugins = pluggy.PluginManager(PROJECT_NAME)
    plugins.add_hookspecs(HookSpecs)
    catalogue = Catalogue(
        HookCalls(plugins, timeout=50), allow=None, deny=(), logger=log, entry_points=(), timeout=5
    )

    catalogue.register(module, name="acme")

    assert catalogue.all[0].warnings == []
    assert log.events == []
