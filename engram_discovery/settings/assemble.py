"""From the merged tree to ``Settings``: the host's keys, the rules between them, the tables of selected providers."""

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
    "Outcome",
    "ProviderFactory",
    "RawTable",
    "Settings",
    "assemble",
    "provider_table",
]

_PARTS = re.compile(r"[.\[]")


class ProviderFactory(Protocol):
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
        return f"RawTable({comma_list(self._tree)})"


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
HostOrFactory: TypeAlias = ProviderFactory | Callable[[PluginsSettings], ProviderFactory] | None


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


def assemble(
    cluster: Tree,
    origins: Origins,
    host: HostOrFactory,
    problems: list[Problem],
    warnings: Iterable[Problem] = (),
) -> Outcome:
    """Validate the merged table ``[cluster]``, and go on after the first problem as far as it makes sense."""
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
        return Outcome(None, checks.problems, checks.warnings, origins)
    raw = {name: RawTable(tree) for name, tree in tables.items()}
    settings = Settings(model, raw, origins, tuple(checks.warnings), tables)
    return Outcome(settings, [], checks.warnings, origins)


def _is_own(key: str, node: Any) -> bool:
    return key in ClusterSettings.model_fields or isinstance(node, Leaf)


def _without(own: Tree, invalid: frozenset[str]) -> Tree:
    """Keep what is known and valid, so that everything else that is wrong can be told at once."""
    return {
        key: node for key, node in own.items() if key in ClusterSettings.model_fields and key not in invalid
    }


@dataclass(slots=True)
class _Checks:
    """Collects what is wrong beyond the host's own model.

    Keys of the host that are wrong themselves are ``invalid``: nothing is derived from the defaults in their place.
    """

    tables: Tree
    origins: Origins
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add_result(self, validated: Validated[Any]) -> Any:
        """Note what came of a table, and return its model."""
        self.problems += validated.problems
        self.warnings += validated.warnings
        return validated.model

    def between_keys(self, cluster: ClusterSettings, invalid: frozenset[str]) -> None:
        """Apply the rules between the host's keys, if the cluster is enabled."""
        if not _may_be_enabled(cluster, invalid):
            return
        self.problems += broken_rules(cluster, self.origins, invalid)
        if invalid & {"security", "network"} or cluster.security.require_encryption:
            return
        if exposed_without_key(cluster):
            found = (
                f"gossip at {cluster.network.swim_bind} is not encrypted: whoever reaches the port can join"
            )
            origin = str(self.origins.get("cluster.network.swim_bind", ""))
            remedy = "set one, made with `engram-discovery keygen`"
            self.warnings.append(Problem("cluster.security.keys", found, origin, remedy))

    def providers(self, cluster: ClusterSettings, invalid: frozenset[str], host: HostOrFactory) -> None:
        """Look at the tables of providers; ask the host only if the cluster is enabled and tells what may be loaded."""
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

    def _selected(self, name: str, host: ProviderFactory | None) -> None:
        if name in RESERVED_TABLES:
            self._refuse(f'"{name}" is a key of the host, no provider')
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
        """Refuse a plugin that nobody selected; once, however many providers are."""
        key = "cluster.plugins.strict"
        problem = Problem(key, str(error), str(self.origins.get(key, "")))
        if problem not in self.problems:
            self.problems.append(problem)

    def _refuse(self, found: str) -> None:
        origin = str(self.origins.get("cluster.discovery", ""))
        self.problems.append(Problem("cluster.discovery", found, origin))

    def _misspelt_tables(self, selected: Iterable[str]) -> Iterator[Problem]:
        """Refuse a table that nobody reads but that was surely meant for the host or a selected provider."""
        known = [*ClusterSettings.model_fields, *selected]
        for name, tree in self.tables.items():
            remedy = "" if name in selected else suggest(name, known, cutoff=0.8)
            if remedy:
                yield Problem(f"cluster.{name}", "unknown table", _origin(tree), remedy)

    def _unknown_tables(self, expected: Collection[str], host: ProviderFactory) -> Iterator[Problem]:
        """Warn of the tables of nobody, except for the ``expected`` ones."""
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
