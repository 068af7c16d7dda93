"""Load the settings: keyword > command line > ``ENGRAM_…`` > secrets file > settings files > defaults.

dynaconf merges the layers and does nothing else; only this module imports it (ADR 10). Its input is trees of opaque
keys and leaves, so it cannot guess a type, evaluate a ``@token``, join lists, or confuse two keys. Its ``Settings``
object is created without loaders, so it reads no environment, no further file and no hook.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engram_discovery._text import comma_list
from engram_discovery.defaults import MAX_SIMILAR_PROBLEMS
from engram_discovery.errors import Problem
from engram_discovery.settings.aliases import untag_discovery
from engram_discovery.settings.assemble import assemble
from engram_discovery.settings.environment import (
    CONFIG_VARIABLE,
    from_assignments,
    from_environment,
    from_mapping,
)
from engram_discovery.settings.models import ClusterSettings
from engram_discovery.settings.origins import Layer, Leaf, Origins, Tree, leaves
from engram_discovery.settings.problems import count_rest
from engram_discovery.settings.toml_file import SECRETS_FILE, read_settings_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.settings.assemble import HostOrFactory, LoadResult, Settings

__all__ = ["DEFAULT_FILE", "load_settings", "merge", "settings_from", "try_load"]

#: The settings file that is read, if it exists, when the caller passes none.
DEFAULT_FILE = "engram.toml"

#: Files beside a settings file that dynaconf's own loaders would execute or merge.
_IGNORED_FILES = ("dynaconf_hooks.py", ".secrets.local.toml")


def load_settings(
    *files: str | Path,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    cli_overrides: Sequence[str] = (),
    host: HostOrFactory = None,
) -> Settings:
    """Load and validate the settings. Blocks while it reads a few small files; has no side effects.

    Args:
        files: Settings files; a later one takes precedence. Without any: the files in ``ENGRAM_CONFIG``
            (separated as in PATH), else ``engram.toml`` in the working directory if it exists. A file in
            ``files`` or ``ENGRAM_CONFIG`` must exist. ``.secrets.toml`` beside the last one is read too.
        environ: Replaces ``os.environ``, which no other function of this package reads.
        overrides: Highest layer: nested tables, dotted keys, or ``"key=value"`` strings.
        cli_overrides: ``"key=value"`` strings of the command line. In both, the prefix ``cluster.`` is
            optional.
        host: A plugin host, or a factory that makes one from ``[cluster.plugins]``. With it, the tables of the
            selected providers are validated and unknown tables cause warnings. Used only if the cluster is enabled.

    Raises:
        SettingsError: With every problem of all layers and of all selected providers.
    """
    result = try_load(*files, environ=environ, overrides=overrides, cli_overrides=cli_overrides, host=host)
    # They may hold secrets, and a traceback with local variables starts at this frame (ADR 12).
    del environ, overrides, cli_overrides
    return result.unwrap()


def try_load(
    *files: str | Path,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    cli_overrides: Sequence[str] = (),
    host: HostOrFactory = None,
) -> LoadResult:
    """Load like ``load_settings``, and return the result with its problems: for ``config check`` and ``explain``."""
    environ = os.environ if environ is None else environ
    layers = _Layers()
    paths, named_by = _named_files(files, environ)
    for path in paths:
        layers.add_file(path, Layer.FILE, named_by)
    secrets = (paths[-1].parent if paths else Path()) / SECRETS_FILE
    if os.path.lexists(secrets):
        layers.add_file(secrets, Layer.SECRETS)
    layers.add(from_environment(environ))
    layers.add(from_assignments(cli_overrides))
    layers.add(from_mapping(overrides) if isinstance(overrides, Mapping) else from_assignments(overrides))
    layers.warnings += _dynaconf_files(paths, environ)
    return layers.result(host)


def settings_from(tree: Mapping[str, Any], *, host: HostOrFactory = None) -> Settings:
    """Validate the settings in a mapping, ``{"cluster": {…}}``. Reads no settings file and no environment.

    Raises:
        SettingsError: With every problem.
    """
    layers = _Layers()
    layers.add(from_mapping(tree))
    del tree  # it may hold secrets; see load_settings
    return layers.result(host).unwrap()


def merge(layers: Sequence[Tree]) -> Tree:
    """Merge trees of leaves; a later one takes precedence. Tables are merged key by key, other values replaced."""
    if len(layers) < 2:
        return dict(layers[0]) if layers else {}
    store = _dynaconf()(dynaconf_skip_loaders=True, dynaboxify=False)
    for layer in layers:
        store.set(
            "cluster",
            _wrap_keys(layer),
            loader_identifier="layer",
            merge=True,
            validate=False,
            dotted_lookup=False,
        )
    return _unwrap_keys(store.get("CLUSTER"))


def _wrap_keys(tree: Tree) -> dict[tuple[str], Any]:
    """Wrap each key in a tuple: dynaconf acts on some keys, and treats ``a b``, ``A_B`` and ``a_b`` as one (ADR 10)."""
    return {(key,): node if isinstance(node, Leaf) else _wrap_keys(node) for key, node in tree.items()}


def _unwrap_keys(tree: dict[tuple[str], Any]) -> Tree:
    return {key: node if isinstance(node, Leaf) else _unwrap_keys(node) for (key,), node in tree.items()}


def _dynaconf() -> Any:
    """Import dynaconf at the first merge: the import takes 0.2 s, and a single layer needs no merge (ADR 10)."""
    if "dynaconf.base" not in sys.modules:
        with warnings.catch_warnings(action="ignore"):  # warnings about obsolete dynaconf variables
            importlib.import_module("dynaconf.base")
    return sys.modules["dynaconf.base"].Settings


@dataclass(slots=True)
class _Layers:
    """The tables ``[cluster]`` of all layers, lowest precedence first, with the problems and warnings of reading."""

    trees: list[Tree] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, read: tuple[Tree, list[Problem]]) -> None:
        tree, problems = read
        self.problems += problems
        cluster = tree.get("cluster", {})
        if isinstance(cluster, Leaf):
            self.problems.append(Problem("cluster", "expected a table", str(cluster.origin)))
        elif cluster:
            self.trees.append(cluster)

    def add_file(self, path: Path, layer: Layer, named_by: str = "") -> None:
        file = read_settings_file(path, layer, named_by=named_by)
        self.warnings += file.warnings
        self.warnings += _dynaconf_keys(file.tree)
        self.warnings += _keys_outside_cluster(file.tree)
        self.add((file.tree, [*file.problems, *_misspelt_table(file.tree, path)]))

    def result(self, host: HostOrFactory) -> LoadResult:
        self.problems += untag_discovery(self.trees)
        effective = merge(self.trees)
        origins = Origins({"cluster": effective}, tuple({"cluster": tree} for tree in self.trees))
        return assemble(effective, origins, host, self.problems, self.warnings)


def _named_files(files: Sequence[str | Path], environ: Mapping[str, str]) -> tuple[list[Path], str]:
    """Return the files to read, and the variable that lists them, if any."""
    if files:
        return [Path(file) for file in files], ""
    named = [Path(file) for file in environ.get(CONFIG_VARIABLE, "").split(os.pathsep) if file]
    if named:
        return named, CONFIG_VARIABLE
    return ([Path(DEFAULT_FILE)] if os.path.lexists(DEFAULT_FILE) else []), ""


def _misspelt_table(tree: Tree, path: Path) -> Iterable[Problem]:
    """Report a table such as ``[clutser]``; other tables belong to other parts of the program."""
    for key, node in tree.items():
        if key != "cluster" and get_close_matches(key.lower(), ["cluster"], cutoff=0.75):
            first = next((str(leaf.origin) for _, leaf in leaves({key: node})), str(path))
            yield Problem(key, "unknown table", first, "did you mean cluster?")


def _keys_outside_cluster(tree: Tree) -> Iterable[Problem]:
    """Warn of keys of ``[cluster]`` at the top of a file without that table: the node would ignore them."""
    for key, node in tree.items():
        if "cluster" not in tree and key in ClusterSettings.model_fields:
            origin = next((str(leaf.origin) for _, leaf in leaves({key: node})), "")
            yield Problem(
                key, "ignored, because it is not in [cluster]", origin, f"did you mean cluster.{key}?"
            )


def _dynaconf_keys(tree: Tree) -> Iterable[Problem]:
    """Warn of keys at the top of a file that control dynaconf's own loaders and merge; they have no effect here."""
    keys = [key for key in tree if key.lower().startswith("dynaconf_")]
    for key in keys[:MAX_SIMILAR_PROBLEMS]:
        origin = str(tree[key].origin) if isinstance(tree[key], Leaf) else ""
        yield Problem(key, "ignored, because settings are data", origin, "remove it")
    yield from count_rest(keys, "", "keys of dynaconf")


def _dynaconf_files(paths: Sequence[Path], environ: Mapping[str, str]) -> Iterable[Problem]:
    """Warn of variables and files that dynaconf's own loaders would read; they have no effect here (ADR 10)."""
    names = sorted(name for name in environ if name.endswith("_FOR_DYNACONF"))
    if names:
        yield Problem("", f"ignored, because settings are data: {comma_list(names)}", "environment")
    for path in paths:
        for name in (*_IGNORED_FILES, f"{path.stem}.local{path.suffix}"):
            sibling = os.path.join(path.parent, name)  # noqa: PTH118  five times as fast, and this is done at each load
            if os.path.exists(sibling):  # noqa: PTH110
                yield Problem(
                    "", f"ignored: {sibling}", remedy="name it as a further settings file if it is one"
                )
