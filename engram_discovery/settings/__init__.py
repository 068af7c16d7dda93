"""Settings: read in layers, merged, validated. Every value keeps its origin, and all problems are reported at once.

Called by: ``cli``, or a program that embeds a node, once before the start; the ``config`` commands for their output.
In: TOML files, environment variables, ``--set``, keywords, and from the plugin host the providers' models.
Out: a frozen ``Settings``, or a ``SettingsError`` with every ``Problem``; the precedence is that of ``load``.

    toml_file ───┐
    environment ─┴─> trees of leaves ──> aliases ──> load.merge ──> assemble ──> Settings ──> show (rows, explain)
                     (origins)                                         └─ validate: secrets, problems
    models (made of field_types) ──> field_info ──> validate, show, export (reference, starter file, schema)
"""

from __future__ import annotations

from engram_discovery.errors import Problem
from engram_discovery.settings.assemble import Settings
from engram_discovery.settings.field_types import Table
from engram_discovery.settings.load import load_settings, settings_from
from engram_discovery.settings.models import ClusterSettings
from engram_discovery.settings.origins import Layer, Origin
from engram_discovery.settings.secrets import Secret

__all__ = [
    "ClusterSettings",
    "Layer",
    "Origin",
    "Problem",
    "Secret",
    "Settings",
    "Table",
    "load_settings",
    "settings_from",
]
