"""Sphinx configuration: MyST Markdown, furo; warnings are errors in the docs job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import engram_discovery

if TYPE_CHECKING:
    from sphinx.application import Sphinx

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
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"


def setup(app: Sphinx) -> None:
    """Simplify the signatures of classes in the API reference."""
    app.connect("autodoc-process-signature", _simplified)


def _simplified(
    _app: Sphinx, _what: str, _name: str, described: object, _options: object, signature: str, returned: str
) -> tuple[str, str]:
    """Leave out the private fields of dataclasses, and the meaningless constructor of a protocol."""
    if getattr(described, "_is_protocol", False):
        return "", returned
    if not (signature or "").startswith("("):
        return signature, returned
    parameters = _COMMA.split(signature[1:-1].replace("<factory>", "..."))
    return f"({', '.join(one for one in parameters if not one.startswith('_'))})", returned


#: A comma between parameters: one that is followed by a name, a star or nothing, and not inside brackets.
_COMMA = re.compile(r", (?![^\[\]]*\])(?![^()]*\))")
