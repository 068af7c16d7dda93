"""Two wrappers round a scripted provider, and one round the other."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest
from nearest_zone import Cached, NearestZone

from engram_discovery.host import PluginHost
from engram_discovery.provider import (
    DiscoveryError,
    Empty,
    Endpoint,
    FailureKind,
    Found,
    ProviderInfo,
    Table,
    hookimpl,
)
from engram_discovery.testing import ScriptedDiscoverer

NEAR = Endpoint("192.0.2.1", 7946, zone="eu-1")
FAR = Endpoint("192.0.2.2", 7946, zone="us-1")


def make(context, inner, *wrappers):
    """Let a host make ``inner``, with wrappers round it."""
    provider = ModuleType("scripted")

    @hookimpl
    def engram_providers():
        return [ProviderInfo(name="scripted", settings_model=Table, summary="a script")]

    @hookimpl
    def engram_create_discoverer(provider):
        return inner if provider == "scripted" else None

    vars(provider).update(
        engram_providers=engram_providers, engram_create_discoverer=engram_create_discoverer
    )
    host = PluginHost(entry_points=())
    host.register(provider, name="scripted")
    for wrapper in wrappers:
        host.register(wrapper, name=type(wrapper).__name__)
    return host.create_discoverer("scripted", Table(), replace(context, provider="scripted"))


async def test_only_the_near_peers_are_told(engram_context):
    """With peers in our zone, the others are left out."""
    discoverer = make(engram_context, ScriptedDiscoverer(Found((FAR, NEAR))), NearestZone("eu-1"))

    assert (await discoverer.discover()).endpoints == (NEAR,)


@pytest.mark.parametrize("answer", [Found((FAR,)), Empty("nobody")])
async def test_nobody_is_left_alone_by_the_filter(engram_context, answer):
    """Without peers in our zone, the answer is the provider's own."""
    discoverer = make(engram_context, ScriptedDiscoverer(answer), NearestZone("eu-1"))

    assert await discoverer.discover() == answer


async def test_an_answer_is_kept_for_a_while(engram_context, engram_clock):
    """Within the time the source is not asked again; after it, it is."""
    inner = ScriptedDiscoverer(Found((NEAR,)), Found((FAR,)))
    discoverer = make(engram_context, inner, Cached(seconds=60))

    first, second = await discoverer.discover(), await discoverer.discover()
    await engram_clock.advance(60)
    third = await discoverer.discover()

    assert (first, second, third) == (Found((NEAR,)), Found((NEAR,)), Found((FAR,)))
    assert inner.asked == 2


async def test_an_error_is_not_kept(engram_context):
    """A failure reaches the host, which keeps the peers, and the source is asked again at once."""
    inner = ScriptedDiscoverer(DiscoveryError("away", kind=FailureKind.TIMEOUT), Found((NEAR,)))
    discoverer = make(engram_context, inner, Cached(seconds=60))

    with pytest.raises(DiscoveryError):
        await discoverer.discover()

    assert await discoverer.discover() == Found((NEAR,))


async def test_wrappers_go_round_each_other(engram_context):
    """Both apply, and closing reaches the provider."""
    inner = ScriptedDiscoverer(Found((FAR, NEAR)))
    discoverer = make(engram_context, inner, NearestZone("eu-1"), Cached(seconds=60))

    answers = [await discoverer.discover() for _ in range(2)]
    await discoverer.aclose()

    assert [answer.endpoints for answer in answers] == [(NEAR,)] * 2
    assert (inner.asked, inner.closed) == (1, True)
