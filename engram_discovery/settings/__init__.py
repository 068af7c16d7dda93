"""Settings: layers, origins, secrets, and every problem at once. See ``load`` for the precedence.

    files ─┐
    environment ─┴─> trees of leaves with origins ──> shapes (one way to write discovery) ──> load.merge
                                                                                                 │
    Settings (loaded) <── assemble: validate (fields, convert, resolve, validation_problems) + rules <──────┘
           │
           └─> render, schema, reference: what the ``config`` commands show

``models`` declares the host's settings, ``values`` the kinds of value that models, also those of plugins, are made of.
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
