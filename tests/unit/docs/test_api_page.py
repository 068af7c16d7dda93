"""Every public Python name has its place in the API reference."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import engram_discovery
from engram_discovery import provider, testing

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text()


@pytest.mark.parametrize("module", [engram_discovery, provider, testing], ids=lambda module: module.__name__)
def test_every_public_name_is_documented(module: ModuleType) -> None:
    """A name in ``__all__`` has an autodoc directive, or a line that explains it where it is a constant."""
    documented = set(
        re.findall(rf"\.\. auto(?:class|function):: {re.escape(module.__name__)}\.(\w+)$", PAGE, re.MULTILINE)
    )
    explained = set(re.findall(r"^\| `(\w+)` \| .+ \|$", PAGE, re.MULTILINE)) | {
        "ClusterContext",
        "__version__",
    }

    assert set(module.__all__) - documented - explained == set()
    assert documented <= set(module.__all__)


def test_names_beside_the_directives_are_explained() -> None:
    """The two names that autodoc cannot show have a sentence."""
    assert "`ClusterContext` is" in PAGE
    assert "`__version__` is" in PAGE
