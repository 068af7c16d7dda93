"""The dashboard that we ship is what its code writes."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

OPS = Path(__file__).parents[3] / "ops" / "grafana"


def test_the_dashboard_is_what_its_code_writes() -> None:
    """``python ops/grafana/dashboard.py`` was run after the last change."""
    written = runpy.run_path(str(OPS / "dashboard.py"))["build"]()

    assert (OPS / "engram.json").read_text() == written


def test_every_panel_asks_the_data_source_that_the_reader_chose() -> None:
    """And only for the cluster that was chosen."""
    dashboard = json.loads((OPS / "engram.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]

    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert all('engram_cluster=~"$cluster"' in t["expr"] for panel in panels for t in panel["targets"])
