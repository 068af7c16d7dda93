"""The reference page, and the descriptions of settings from which it is generated."""

from __future__ import annotations

from pathlib import Path

import pytest

from engram_discovery.settings.export import reference_page
from engram_discovery.settings.models import ClusterSettings
from engram_discovery.settings.show import key_specs

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


@pytest.mark.parametrize("key", key_specs({}))
def test_every_setting_is_documented(key: str) -> None:
    """Each key is in the section of its table, and has a type and a description."""
    spec, description, _ = key_specs({})[key]
    table, _, name = key.rpartition(".")

    section = PAGE.read_text().partition(f"## `[{table}]`")[2].partition("\n## ")[0]

    assert f"| `{name}`" in section
    assert description.endswith(".")
    assert spec.expected


def test_the_page_is_what_the_command_writes() -> None:
    """The page in the repository starts with the host's part as the command writes it."""
    assert PAGE.read_text().startswith(reference_page({}).rstrip())


def test_every_table_has_an_introduction() -> None:
    """The first line of a model's docstring is the introduction of its section."""
    page = reference_page({})

    for field in ClusterSettings.model_fields.values():
        model = type(field.default)
        if model.__name__.endswith("Settings"):
            assert (model.__doc__ or "").splitlines()[0] in page
