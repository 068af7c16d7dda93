"""Settings as they were loaded: the host's model, the providers' tables, and where every value came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from engram_discovery.errors import PluginError, ProviderNotFoundError, SettingsError
from engram_discovery.settings.models import RESERVED_TABLES, ClusterSettings, PluginsSettings
from engram_discovery.settings.origins import Leaf, Origins, Tree, leaves
from engram_discovery.settings.problems import Problem
from engram_discovery.settings.rules import broken_rules, exposed_without_key
from engram_discovery.settings.validate import Validated, suggest, validate

if TYPE_CHECKING:
    from pydantic import BaseModel

    from engram_discovery.types import ProviderInfo

__all__ = ["HostOrFactory", "Outcome", "Providers", "RawTable", "Settings", "assemble"]


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
        outcome = _provider_table(self._tables, info)
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
        origins: Where everything came from, also if something is wrong.
    """

    settings: Settings | None
    problems: list[Problem]
    origins: Origins

    def unwrap(self) -> Settings:
        """Return the settings.

        Raises:
            SettingsError: With every problem, sorted by key.
        """
        if self.settings is None:
            raise SettingsError(sorted(self.problems, key=lambda problem: problem.key))
        return self.settings


def assemble(
    cluster: Tree,
    origins: Origins,
    host: HostOrFactory,
    problems: list[Problem],
    warnings: Iterable[Problem] = (),
) -> Outcome:
    """Validate the merged ``[cluster]``: its own keys, the rules between them, the selected providers."""
    own = {
        key: node
        for key, node in cluster.items()
        if key in ClusterSettings.model_fields or isinstance(node, Leaf)
    }
    tables: Tree = {key: node for key, node in cluster.items() if key not in own}
    outcome = validate(ClusterSettings, own, ("cluster",))
    found, noted = [*problems, *outcome.problems], [*warnings, *outcome.warnings]
    model = outcome.model
    selected = model.discovery if model else ()
    found += _misspelt_tables(tables, selected)
    if model is not None and model.enabled:
        found += broken_rules(model, origins)
        noted += _exposure(model, origins)
        plugins = host(model.plugins) if callable(host) else host
        for name in selected:
            provider = _selected(name, tables, origins, plugins)
            found += provider.problems
            noted += provider.warnings
        noted += _unknown_tables(tables, selected, plugins)
    if model is None or found:
        return Outcome(None, found, origins)
    raw = {name: RawTable(tree) for name, tree in tables.items()}
    return Outcome(Settings(model, raw, origins, tuple(noted), tables), [], origins)


def _selected(name: str, tables: Tree, origins: Origins, host: Providers | None) -> Validated[Any]:
    origin = str(origins.get("cluster.discovery", ""))
    if name in RESERVED_TABLES:
        found = f'"{name}" is a key of the host\'s own, no provider'
        return Validated(problems=[Problem("cluster.discovery", found, origin)])
    if host is None:
        return Validated()
    try:
        info = host.provider(name)
    except ProviderNotFoundError as error:
        return Validated(problems=[Problem("cluster.discovery", str(error), origin)])
    except PluginError as error:
        return Validated(problems=[Problem("cluster.discovery", f"provider {name}: {error}", origin)])
    return _provider_table(tables, info)


def _provider_table(tables: Tree, info: ProviderInfo) -> Validated[Any]:
    return validate(info.settings_model, tables.get(info.name, {}), ("cluster", info.name))


def _misspelt_tables(tables: Tree, selected: Iterable[str]) -> Iterator[Problem]:
    """Refuse a table that nobody reads but that was surely meant for the host or a selected provider."""
    known = [*ClusterSettings.model_fields, *selected]
    for name, tree in tables.items():
        remedy = "" if name in selected else suggest(name, known, cutoff=0.8)
        if remedy:
            yield Problem(f"cluster.{name}", "unknown table", _origin(tree), remedy)


def _unknown_tables(tables: Tree, selected: Iterable[str], host: Providers | None) -> Iterator[Problem]:
    if host is None or not tables:
        return
    installed = host.known_providers()
    for name, tree in tables.items():
        if name not in installed and name not in selected:
            remedy = suggest(name, sorted(installed)) or "remove it or install the plugin"
            yield Problem(f"cluster.{name}", "no provider of that name is installed", _origin(tree), remedy)


def _exposure(cluster: ClusterSettings, origins: Origins) -> Iterator[Problem]:
    if not cluster.security.strict and exposed_without_key(cluster):
        found = f"gossip at {cluster.network.swim_bind} is not encrypted: whoever reaches the port can join"
        origin = str(origins.get("cluster.network.swim_bind", ""))
        yield Problem("cluster.security.keys", found, origin, "set a key (32 random bytes in base64)")


def _origin(tree: Tree) -> str:
    return next((str(leaf.origin) for _, leaf in leaves(tree)), "")
