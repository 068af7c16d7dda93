"""Settings: layers merged, validated, with the origin of every value and every problem at once (ADR 10, 11, 12).

Called by: programs (``load_settings``, ``settings_from``), ``cli``; every other room reads ``Settings``.
In: TOML files, .secrets.toml, environment variables ENGRAM_…, ``--set``, a mapping in code.
Out: frozen ``Settings`` with ``ClusterSettings`` and provider tables, warnings; or ``SettingsError`` with all problems.

    toml_file ─┐
    environment ├─> load (dynaconf merges) ──> aliases ──> validate ──> models ──> assemble ──> Settings
    --set ─────┘         └── origins (file:line, variable) ──────────────> problems, show, export
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
