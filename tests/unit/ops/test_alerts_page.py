"""The page about monitoring describes every alert and every panel, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/alerts.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """Return the rows of the table below a heading, by their first cell."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [re.split(r" \| ", line.strip("| ")) for line in section.splitlines() if line.startswith("| ")]
    return {first.strip("`"): rest for first, *rest in lines[2:]}


def test_each_alert_is_described() -> None:
    """When it fires, and what to do then."""
    groups = yaml.safe_load((ROOT / "ops/prometheus/alerts.yml").read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]

    described = rows("Alerts")

    assert sorted(described) == sorted(alerts)
    assert all(len(cells) == 2 and all(cells) for cells in described.values())


def test_each_panel_is_described() -> None:
    """In the order of the dashboard."""
    dashboard = json.loads((ROOT / "ops/grafana/engram.json").read_text())
    panels = [panel["title"] for panel in dashboard["panels"] if panel["type"] != "row"]

    described = rows("Dashboard")

    assert list(described) == panels
    assert all(len(cells) == 1 and all(cells) for cells in described.values())
