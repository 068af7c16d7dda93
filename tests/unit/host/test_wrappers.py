"""A third-party plugin that decorates any provider, by a wrapper round the factory."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from engram_discovery.errors import PluginError
from engram_discovery.host import PluginHost
from engram_discovery.types import Empty
from tests.support.installed_plugins import Site

LOUD = """
class Loud:
    def __init__(self, inner):
        self.inner = inner
    async def discover(self):
        answer = await self.inner.discover()
        return Empty(answer.reason.upper())
    async def aclose(self):
        await self.inner.aclose()

@hookimpl(wrapper=True)
def engram_create_discoverer(provider, settings, context):
    made = yield
    return made and Loud(made)
"""


async def test_an_allowed_plugin_decorates_any_provider(site: Site, context: Any, plugin_source: Any) -> None:
    """A wrapper that ``allow`` names sits round the discoverer of another plugin."""
    site.install("loud-discovery", loud=LOUD)
    site.install("acme-discovery", acme=plugin_source("acme", reason="hushed"))
    host = PluginHost(entry_points=site.entry_points, allow=["acme", "loud"])

    discoverer = host.create_discoverer("acme", None, context)

    assert await discoverer.discover() == Empty("HUSHED")


async def test_a_registered_plugin_decorates_any_provider(
    site: Site, context: Any, plugin_source: Any
) -> None:
    """So does one that the program registered."""
    site.install("loud-discovery", loud=LOUD)
    site.install("acme-discovery", acme=plugin_source("acme", reason="hushed"))
    host = PluginHost(entry_points=[ep for ep in site.entry_points if ep.name == "acme"])
    host.register(import_module(site.module("loud-discovery", "loud")), name="loud")

    discoverer = host.create_discoverer("acme", None, context)

    assert await discoverer.discover() == Empty("HUSHED")


async def test_an_installed_wrapper_that_nobody_named_stays_out(
    site: Site, context: Any, plugin_source: Any
) -> None:
    """Neither imported for its own sake, nor applied once something else loaded it."""
    site.install("loud-discovery", loud=LOUD)
    site.install("acme-discovery", acme=plugin_source("acme", reason="hushed"))
    host = PluginHost(entry_points=site.entry_points)

    discoverer = host.create_discoverer("acme", None, context)
    assert not site.imported("loud-discovery", "loud")
    host.load_all()
    again = host.create_discoverer("acme", None, context)

    assert [await one.discover() for one in (discoverer, again)] == [Empty("hushed")] * 2


async def test_only_the_owner_makes_the_object(site: Site, context: Any, plugin_source: Any) -> None:
    """A plugin that answers for every provider is not asked for another's."""
    greedy = """
        @hookimpl
        def engram_providers():
            return offer("greedy")

        @hookimpl(tryfirst=True)
        def engram_create_discoverer():
            made = Nobody()
            made.label = "greedy"
            return made
    """
    site.install("greedy-discovery", greedy=greedy)
    site.install("acme-discovery", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points, allow=["greedy", "acme"])
    host.load_all()

    discoverer = host.create_discoverer("acme", None, context)

    assert await discoverer.discover() == Empty("nobody")


@pytest.mark.parametrize(
    ("before", "after", "culprit"),
    [
        ("1 / 0", "return made", "loud"),
        ("", "1 / 0", "loud"),
        ("", "return made", "acme"),
    ],
)
def test_the_one_that_raised_is_named(
    site: Site, context: Any, before: Any, after: Any, culprit: Any
) -> None:
    """Of a wrapper and the factory inside it, the error names whichever raised."""
    site.install(
        "loud-discovery",
        loud="@hookimpl(wrapper=True)\n"
        f"def engram_create_discoverer():\n    {before}\n    made = yield\n    {after}\n",
    )
    raising = "raise ZeroDivisionError" if culprit == "acme" else "return Nobody()"
    site.install(
        "acme-discovery",
        acme=f"@hookimpl\ndef engram_providers(): return offer('acme')\n"
        f"@hookimpl\ndef engram_create_discoverer():\n    {raising}\n",
    )
    host = PluginHost(entry_points=site.entry_points, allow=["acme", "loud"])

    with pytest.raises(PluginError, match="ZeroDivisionError") as caught:
        host.create_discoverer("acme", None, context)

    assert caught.value.plugin == culprit


def test_what_a_wrapper_spoils_is_said_to_be_decorated(site: Site, context: Any, plugin_source: Any) -> None:
    """An unusable object names both the owner and the plugins round it."""
    site.install(
        "loud-discovery",
        loud="@hookimpl(wrapper=True)\ndef engram_create_discoverer():\n    yield\n    return 3\n",
    )
    site.install("acme-discovery", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points, allow=["acme", "loud"])

    with pytest.raises(
        PluginError,
        match=r'int does not implement Discoverer.*decorated by plugin "loud" \(loud-discovery 1\.0\)',
    ):
        host.create_discoverer("acme", None, context)


async def test_a_broken_wrapper_is_left_out(site: Site, context: Any, plugin_source: Any, log: Any) -> None:
    """An allowed plugin that cannot be imported is a warning; the provider works without it."""
    site.install("loud-discovery", loud="raise ValueError")
    site.install("acme-discovery", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points, allow=["acme", "loud"], logger=log)

    discoverer = host.create_discoverer("acme", None, context)

    assert await discoverer.discover() == Empty("nobody")
    assert [line.facts["plugin"] for line in log.events if line.event == "plugin.load_failed"] == ["loud"]
