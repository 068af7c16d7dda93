"""Registrars, health checks and engines that plugins create: held to their protocols, and optional."""

from __future__ import annotations

from typing import Any

import pytest

from engram_discovery.errors import PluginError
from tests.support.installed_plugins import NAMED, OFFER, Site


@pytest.mark.parametrize(
    ("hook", "made", "said"),
    [
        (
            "engram_create_registrar",
            "Nobody()",
            "Nobody does not implement Registrar: missing method register",
        ),
        (
            "engram_create_health_checks",
            "[Nobody()]",
            "Nobody does not implement HealthCheck: missing attribute name",
        ),
        ("engram_create_health_checks", "3", "raised in engram_create_health_checks: TypeError"),
    ],
)
def test_other_objects_are_checked_too(
    site: Site, host: Any, context: Any, hook: Any, made: Any, said: Any
) -> None:
    """Registrars and health checks are held to their protocols."""
    site.install("acme-discovery", acme=OFFER + f"@hookimpl\ndef {hook}(): return {made}")
    plugins = host()
    make = getattr(plugins, hook.removeprefix("engram_"))

    with pytest.raises(PluginError, match=NAMED + ".*" + said):
        make("acme", None, context)


def test_registrars_and_checks_are_optional(site: Site, host: Any, context: Any, plugin_source: Any) -> None:
    """A provider that only discovers has no registrar and no health check."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    plugins = host()

    assert plugins.create_registrar("acme", None, context) is None
    assert plugins.create_health_checks("acme", None, context) == ()


def test_health_checks_are_handed_over(site: Site, host: Any, context: Any) -> None:
    """Each health check of the provider is returned, in its order."""
    source = (
        OFFER
        + """
class Check:
    def __init__(self, name): self.name = name
    async def check(self): return CheckResult(CheckStatus.PASSING)

@hookimpl
def engram_create_health_checks(provider):
    return (Check(name) for name in ("one", "two"))
"""
    )
    site.install("acme-discovery", acme=source)

    checks = host().create_health_checks("acme", None, context)

    assert [check.name for check in checks] == ["one", "two"]


def test_an_engine_is_the_plugin_of_that_name(site: Site, host: Any, context: Any) -> None:
    """A plugin's membership engine is made by its own factory, and held to the protocol."""
    source = "@hookimpl\ndef engram_create_membership(engine, settings): return Nobody()"
    site.install("acme-discovery", acme=source)
    plugins = host()

    with pytest.raises(PluginError, match="does not implement Membership: missing attribute capabilities"):
        plugins.create_membership("acme", None, context)
    with pytest.raises(
        PluginError, match=r'unknown membership engine "acne"; installed: acme, kinship; did you mean'
    ):
        plugins.create_membership("acne", None, context)
