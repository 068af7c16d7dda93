"""The shipped dashboard is the output of its script."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

OPS = Path(__file__).parents[3] / "ops" / "grafana"


def test_the_dashboard_is_up_to_date() -> None:
    """``python ops/grafana/dashboard.py`` was run after the last change."""
    written = runpy.run_path(str(OPS / "dashboard.py"))["build"]()

    assert (OPS / "engram.json").read_text() == written


def test_every_panel_uses_the_selected_data_source() -> None:
    """And only for the selected cluster."""
    dashboard = json.loads((OPS / "engram.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]

    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert all('engram_cluster=~"$cluster"' in t["expr"] for panel in panels for t in panel["targets"])
