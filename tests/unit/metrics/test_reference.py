"""The reference page of the metrics is complete and up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from engram_discovery.metrics import register
from engram_discovery.metrics.definitions import GROUPS, MetricDefinition, MetricType
from engram_discovery.metrics.reference import reference_page
from engram_discovery.testing import FakeClock
from tests.support.in_memory_node import make_node

ROOT = Path(__file__).parents[3]
DEFINITIONS = [definition for definitions in GROUPS.values() for definition in definitions]


def test_the_page_is_what_the_code_writes() -> None:
    """``python -m engram_discovery.metrics.reference`` was run after the last change."""
    assert (ROOT / "docs" / "reference" / "metrics.md").read_text() == reference_page()


def test_a_scrape_shows_each_documented_metric_and_no_other() -> None:
    """Every metric that is collected is declared, and the reverse."""
    registry = CollectorRegistry()
    register(registry, make_node(FakeClock()))

    collected = [metric.name for metric in registry.collect()]

    assert sorted(collected) == sorted(definition.name.removesuffix("_total") for definition in DEFINITIONS)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_names_follow_the_conventions(definition: MetricDefinition) -> None:
    """Prefix, base units, ``_total`` for counters and only for them, a sentence as help."""
    assert re.fullmatch(r"engram_[a-z_]+", definition.name)
    assert not re.search(r"_(ms|milliseconds|minutes|bytes_total_total|percent)\b", definition.name)
    assert (definition.type is MetricType.COUNTER) == definition.name.endswith("_total")
    assert definition.help.endswith(".")


@pytest.mark.parametrize("path", sorted((ROOT / "ops").rglob("*.*")), ids=lambda path: path.name)
def test_rules_and_dashboards_name_only_metrics_that_exist(path: Path) -> None:
    """An alert on a metric that was renamed would never fire."""
    known = {definition.name for definition in DEFINITIONS}
    known |= {
        f"{definition.name}_{part}" for definition in DEFINITIONS for part in ("bucket", "sum", "count")
    }
    labels = {"engram_cluster", "engram_node", "engram_zone"}

    named = set(re.findall(r"(?<!_meta_)\bengram_[a-z_]+", path.read_text()))

    assert named - labels <= known
