"""Sphinx configuration: MyST Markdown, furo; warnings are errors in the docs job."""

from __future__ import annotations

import engram_discovery

project = "engram-discovery"
author = "the engram-discovery developers"
project_copyright = author
version = release = engram_discovery.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "engram-discovery"
autodoc_typehints = "description"
autodoc_member_order = "bysource"
