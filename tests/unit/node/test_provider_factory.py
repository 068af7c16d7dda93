"""The objects of a node's selected providers."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from pydantic import Field

from engram_discovery.hookspecs import hookimpl
from engram_discovery.host import PluginHost
from engram_discovery.node.provider_factory import ProviderFactory
from engram_discovery.runtime.log import get_logger
from engram_discovery.settings import Secret, Table, settings_from
from engram_discovery.testing import FakeClock
from engram_discovery.types import Empty, ProviderInfo

if TYPE_CHECKING:
    from pathlib import Path


class AcmeSettings(Table):
    """A provider with a secret."""

    token: Secret = Field(description="A token.")


class AcmeObject:
    """Discoverer, registrar and health check at once; answers with an empty list."""

    name = "acme"

    async def discover(self) -> Empty:
        return Empty("nobody")

    async def register(self, node: Any) -> None:
        pass

    async def renew(self) -> None:
        pass

    async def verify(self) -> bool:
        return True

    async def deregister(self) -> None:
        pass

    async def check(self) -> Any:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


class AcmePlugin:
    """Remembers the settings that its factories were given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    @hookimpl
    def engram_providers(self) -> list[ProviderInfo]:
        return [
            ProviderInfo(
                name="acme",
                settings_model=AcmeSettings,
                summary="",
                capabilities=frozenset({"discover", "register", "health"}),
            )
        ]

    @hookimpl
    def engram_create_discoverer(self, provider: str, settings: Any, context: Any) -> AcmeObject:
        self.given.append(settings)
        return AcmeObject()

    @hookimpl
    def engram_create_registrar(self, provider: str, settings: Any, context: Any) -> AcmeObject:
        self.given.append(settings)
        return AcmeObject()

    @hookimpl
    def engram_create_health_checks(self, provider: str, settings: Any, context: Any) -> list[AcmeObject]:
        self.given.append(settings)
        return [AcmeObject()]


async def test_the_objects_of_a_provider_share_its_settings_and_secrets(tmp_path: Path) -> None:
    """A provider's table is validated, and its secrets are read, once at a start: every factory gets the same."""
    file = tmp_path / "token"
    file.write_text("one")
    settings = settings_from(
        {"cluster": {"enabled": True, "discovery": "acme", "acme": {"token_file": str(file)}}}
    )
    plugin, host = AcmePlugin(), PluginHost(entry_points=())
    host.register(plugin, name="acme")
    providers = ProviderFactory(
        settings=settings,
        host=host,
        identity=None,
        clock=FakeClock(),
        logger=get_logger("engram_discovery.test"),
        random=Random(1),
    )

    discovery = providers.discovery()
    file.unlink()
    registrars, checks = providers.registrars(), providers.health_checks()
    await discovery.aclose()

    assert (list(registrars), len(checks)) == (["acme"], 1)
    first, *others = plugin.given
    assert len(others) == 2
    assert all(other is first for other in others)
