"""Assemble ``Settings`` from the merged tree: the host's keys, the rules between them, tables of providers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from engram_discovery._text import comma_list
from engram_discovery.defaults import MAX_SIMILAR_PROBLEMS
from engram_discovery.errors import PluginError, Problem, ProviderNotFoundError, SettingsError
from engram_discovery.settings.aliases import suggest
from engram_discovery.settings.models import (
    RESERVED_TABLES,
    ClusterSettings,
    PluginsSettings,
    broken_rules,
    exposed_without_key,
)
from engram_discovery.settings.origins import Leaf, Origins, Tree, leaves
from engram_discovery.settings.problems import count_rest
from engram_discovery.settings.validate import Validated, validate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pydantic import BaseModel

    from engram_discovery.types import ProviderInfo

__all__ = [
    "HostOrFactory",
    "LoadResult",
    "ProviderLookup",
    "RawTable",
    "Settings",
    "assemble",
    "provider_table",
]

_PARTS = re.compile(r"[.\[]")


class ProviderLookup(Protocol):
    """The part of the plugin host that the settings use."""

    def provider(self, name: str) -> ProviderInfo:
        """Load a provider.

        Raises:
            PluginError: The provider is not installed, denied, or broken.
        """

    def known_providers(self) -> frozenset[str]:
        """Return the names of the installed providers without importing them."""


class RawTable(Mapping[str, Any]):
    """A table as it was written. The repr shows keys only: a value may be a secret (ADR 12)."""

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
        return f"RawTable({comma_list(self._tree)})"


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings.

    Attributes:
        cluster: The table ``[cluster]``.
        provider_tables: The tables ``[cluster.<provider>]`` as they were written.
        origins: Dotted key to the origin of its value; a key that has its default is absent.
        warnings: Findings that an operator should check; the program logs them.
    """

    cluster: ClusterSettings
    provider_tables: Mapping[str, RawTable]
    origins: Origins
    warnings: tuple[Problem, ...] = ()
    _tables: Tree = field(default_factory=dict, repr=False)

    def provider_settings(self, info: ProviderInfo) -> BaseModel:
        """Validate the provider's table with its model. Blocks while it reads the files of the table's secrets.

        Raises:
            SettingsError: With every problem of the table.
        """
        validated = provider_table(self._tables, info)
        if validated.model is None:
            raise SettingsError(validated.problems)
        return cast("BaseModel", validated.model)


#: A plugin host, or a factory that makes one from ``[cluster.plugins]``. Used only if the cluster is enabled.
HostOrFactory: TypeAlias = ProviderLookup | Callable[[PluginsSettings], ProviderLookup] | None


@dataclass(slots=True)
class LoadResult:
    """The result of a load.

    Attributes:
        settings: The settings; None if there is any problem.
        problems: The problems of all layers and providers.
        warnings: Findings that an operator should check.
        origins: The origins of all values, also if there are problems.
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
    """Validate the table of a provider with its model."""
    return validate(info.settings_model, tables.get(info.name, {}), ("cluster", info.name))


def assemble(
    cluster: Tree,
    origins: Origins,
    host: HostOrFactory,
    problems: list[Problem],
    warnings: Iterable[Problem] = (),
) -> LoadResult:
    """Validate the merged table ``[cluster]``; collect all problems instead of stopping at the first (ADR 11)."""
    own = {key: node for key, node in cluster.items() if _is_own(key, node)}
    tables: Tree = {key: node for key, node in cluster.items() if key not in own}
    checks = _Checks(tables, origins, [*problems], [*warnings])
    validated = validate(ClusterSettings, own, ("cluster",))
    model = checks.add_result(validated)
    invalid = frozenset(_PARTS.split(problem.key)[1] for problem in validated.problems if "." in problem.key)
    usable = model or validate(ClusterSettings, _without(own, invalid), ("cluster",)).model
    if usable is not None:
        checks.between_keys(usable, invalid)
        checks.providers(usable, invalid, host)
    if model is None or checks.problems:
        return LoadResult(None, checks.problems, checks.warnings, origins)
    raw = {name: RawTable(tree) for name, tree in tables.items()}
    settings = Settings(model, raw, origins, tuple(checks.warnings), tables)
    return LoadResult(settings, [], checks.warnings, origins)


def _is_own(key: str, node: Any) -> bool:
    return key in ClusterSettings.model_fields or isinstance(node, Leaf)


def _without(own: Tree, invalid: frozenset[str]) -> Tree:
    """Keep the known and valid keys, so that the checks between keys can report their problems as well."""
    return {
        key: node for key, node in own.items() if key in ClusterSettings.model_fields and key not in invalid
    }


@dataclass(slots=True)
class _Checks:
    """Collects the problems and warnings beyond those of the host's model.

    ``invalid`` are the keys of the host that have a problem themselves. Checks that read them are left out, because
    they would judge a default in place of the value.
    """

    tables: Tree
    origins: Origins
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add_result(self, validated: Validated[Any]) -> Any:
        """Add the problems and warnings of a validated table; return its model."""
        self.problems += validated.problems
        self.warnings += validated.warnings
        return validated.model

    def between_keys(self, cluster: ClusterSettings, invalid: frozenset[str]) -> None:
        """Check the rules between the host's keys, if the cluster is enabled."""
        if not _may_be_enabled(cluster, invalid):
            return
        self.problems += broken_rules(cluster, self.origins, invalid)
        if invalid & {"security", "network"} or cluster.security.require_encryption:
            return
        if exposed_without_key(cluster):
            found = f"gossip at {cluster.network.swim_bind} is not encrypted: any process that reaches it can join"
            origin = str(self.origins.get("cluster.network.swim_bind", ""))
            remedy = "set one, made with `engram-discovery keygen`"
            self.warnings.append(Problem("cluster.security.keys", found, origin, remedy))

    def providers(self, cluster: ClusterSettings, invalid: frozenset[str], host: HostOrFactory) -> None:
        """Check the tables of providers; call the host only if the cluster is enabled."""
        misspelt = list(self._misspelt_tables(cluster.discovery))
        self.problems += misspelt
        if not _may_be_enabled(cluster, invalid) or invalid & {"discovery", "plugins"}:
            return
        plugins = host(cluster.plugins) if callable(host) else host
        for name in cluster.discovery:
            self._selected(name, plugins)
        if plugins is not None:
            reported = {problem.key.removeprefix("cluster.") for problem in misspelt}
            self.warnings += self._unknown_tables({*cluster.discovery, *reported}, plugins)

    def _selected(self, name: str, host: ProviderLookup | None) -> None:
        if name in RESERVED_TABLES:
            self._refuse(f'"{name}" is a key of the host, not a provider')
        elif host is not None:
            try:
                self.add_result(provider_table(self.tables, host.provider(name)))
            except ProviderNotFoundError as error:
                self._refuse(str(error))
            except PluginError as error:
                if error.plugin == name:
                    self._refuse(f"provider {name}: {error}")
                else:
                    self._refuse_strictly(error)

    def _refuse_strictly(self, error: PluginError) -> None:
        """Report a broken plugin that is not selected, as ``plugins.strict`` demands; once for all providers."""
        key = "cluster.plugins.strict"
        problem = Problem(key, str(error), str(self.origins.get(key, "")))
        if problem not in self.problems:
            self.problems.append(problem)

    def _refuse(self, found: str) -> None:
        origin = str(self.origins.get("cluster.discovery", ""))
        self.problems.append(Problem("cluster.discovery", found, origin))

    def _misspelt_tables(self, selected: Iterable[str]) -> Iterator[Problem]:
        """Report an unknown table whose name resembles a table of the host or of a selected provider."""
        known = [*ClusterSettings.model_fields, *selected]
        for name, tree in self.tables.items():
            remedy = "" if name in selected else suggest(name, known, cutoff=0.8)
            if remedy:
                yield Problem(f"cluster.{name}", "unknown table", _origin(tree), remedy)

    def _unknown_tables(self, expected: Collection[str], host: ProviderLookup) -> Iterator[Problem]:
        """Warn of tables whose provider is not installed, except for the ``expected`` ones."""
        installed = host.known_providers() if self.tables else frozenset()
        unknown = [name for name in self.tables if name not in installed and name not in expected]
        for name in unknown[:MAX_SIMILAR_PROBLEMS]:
            remedy = suggest(name, sorted(installed)) or "remove it or install the plugin"
            origin = _origin(self.tables[name])
            yield Problem(f"cluster.{name}", "no provider of that name is installed", origin, remedy)
        yield from count_rest(unknown, "cluster", "tables of no provider")


def _may_be_enabled(cluster: ClusterSettings, invalid: frozenset[str]) -> bool:
    return cluster.enabled or "enabled" in invalid


def _origin(tree: Tree) -> str:
    return next((str(leaf.origin) for _, leaf in leaves(tree)), "")
