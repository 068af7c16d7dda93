"""The options and set-up that commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.cli.options import load
from engram_discovery.host import PluginState

if TYPE_CHECKING:
    from pathlib import Path


def test_the_host_that_checked_the_settings_is_the_one_that_is_used(tmp_path: Path) -> None:
    """The installed plugins are searched once per command: the selected one is loaded already."""
    path = tmp_path / "engram.toml"
    path.write_text('[cluster]\nenabled = true\ndiscovery = "static"\n')

    _, host = load((str(path),), ())

    states = {record.name: record.state for record in host.records()}
    assert states["static"] is PluginState.LOADED
