"""What `import engram_discovery` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import engram_discovery


@pytest.mark.parametrize("name", engram_discovery.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """The lazy names lead somewhere."""
    assert getattr(engram_discovery, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As in every module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = engram_discovery.nothing


def test_importing_the_package_imports_no_library() -> None:
    """Nothing heavy is loaded before it is used."""
    code = (
        "import sys, engram_discovery;"
        "print([m for m in ('pydantic', 'dynaconf', 'kinship', 'starlette', 'pluggy', 'asyncio') if m in sys.modules])"
    )

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
