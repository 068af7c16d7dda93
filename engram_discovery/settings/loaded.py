"""Settings as they were loaded: the host's model, the providers' tables, and where every value came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from engram_discovery.errors import SettingsError
from engram_discovery.settings.models import ClusterSettings, PluginsSettings
from engram_discovery.settings.origins import Leaf, Origins, Tree
from engram_discovery.settings.validate import Validated, validate

if TYPE_CHECKING:
    from pydantic import BaseModel

    from engram_discovery.errors import Problem
    from engram_discovery.types import ProviderInfo

__all__ = ["HostOrFactory", "Outcome", "Providers", "RawTable", "Settings", "provider_table"]


class Providers(Protocol):
    """What the settings ask of the plugin host."""

    def provider(self, name: str) -> ProviderInfo:
        """Load a provider.

        Raises:
            PluginError: It cannot be had.
        """

    def known_providers(self) -> frozenset[str]:
        """Return the names of the installed providers, importing none."""


class RawTable(Mapping[str, Any]):
    """A table as it was written. Its repr shows keys only: a value may be a secret."""

    __slots__ = ("_tree",)

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def __getitem__(self, key: str) -> Any:
        node = self._tree[key]
        return node.value if isinstance(node, Leaf) else RawTable(node)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tree)

    def __len__(self) -> int:
        return len(self._tree)

    def __repr__(self) -> str:
        return f"RawTable({', '.join(self._tree)})"


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings.

    Attributes:
        cluster: The table ``[cluster]``.
        provider_tables: The tables ``[cluster.<provider>]`` as they were written.
        origins: Dotted key to where its value came from; a key that is not there has its default.
        warnings: What an operator should look at. To be logged by the program.
    """

    cluster: ClusterSettings
    provider_tables: Mapping[str, RawTable]
    origins: Origins
    warnings: tuple[Problem, ...] = ()
    _tables: Tree = field(default_factory=dict, repr=False)

    def provider_settings(self, info: ProviderInfo) -> BaseModel:
        """Validate the provider's table by its own model. Reads the files that its secrets refer to.

        Raises:
            SettingsError: With every problem of the table.
        """
        outcome = provider_table(self._tables, info)
        if outcome.model is None:
            raise SettingsError(outcome.problems)
        return cast("BaseModel", outcome.model)


#: A plugin host, or what makes one from ``[cluster.plugins]``. It is asked for nothing unless the cluster
#: is enabled.
HostOrFactory: TypeAlias = Providers | Callable[[PluginsSettings], Providers] | None


@dataclass(slots=True)
class Outcome:
    """What a load came to.

    Attributes:
        settings: The settings; None if there is any problem.
        problems: Everything that is wrong.
        warnings: What an operator should look at.
        origins: Where everything came from, also if something is wrong.
    """

    settings: Settings | None
    problems: list[Problem]
    warnings: list[Problem]
    origins: Origins

    def unwrap(self) -> Settings:
        """Return the settings.

        Raises:
            SettingsError: With every problem, sorted by key.
        """
        if self.settings is None:
            raise SettingsError(sorted(self.problems, key=lambda problem: problem.key))
        return self.settings


def provider_table(tables: Tree, info: ProviderInfo) -> Validated[Any]:
    """Validate the table of a provider by its own model."""
    return validate(info.settings_model, tables.get(info.name, {}), ("cluster", info.name))
