# ruff: noqa: INP001  a script beside its output, not in a package
"""Write the Grafana dashboard: ``python ops/grafana/dashboard.py`` writes engram.json beside this file.

Import engram.json in Grafana and choose the Prometheus that scrapes the nodes (ops/prometheus/prometheus.yml).
Needs grafana-foundation-sdk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, statetimeline, timeseries
from grafana_foundation_sdk.builders import stat as single
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import StackingMode

FILE = Path(__file__).with_name("engram.json")

_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_STATES = {"alive": "green", "suspect": "yellow", "dead": "red", "left": "text"}
_STATUSES = {"0": ("healthy", "green"), "1": ("degraded", "yellow"), "2": ("critical", "red")}
#: The status as a number, worst is highest; ``$S`` stands for the selector of the cluster.
_STATUS = (
    '2 * engram_cluster_health{status="critical",$S}'
    ' + ignoring (status) engram_cluster_health{status="degraded",$S}'
)


@dataclass(frozen=True)
class Graph:
    """A panel with one query.

    Attributes:
        title: The title.
        expression: The query; ``$S`` stands for the selector of the cluster.
        legend: Grafana's template of the names of its series.
        unit: Grafana's name of the unit.
        stacked: Whether series are stacked, in the colours of the member states.
    """

    title: str
    expression: str
    legend: str
    unit: str = "short"
    stacked: bool = False

    def build(self) -> timeseries.Panel:
        """Return the panel."""
        panel = (
            timeseries.Panel().title(self.title).datasource(_SOURCE).unit(self.unit).min(0).height(8).span(8)
        )
        panel = panel.with_target(_query(self.expression, self.legend))
        if not self.stacked:
            return panel
        for state, colour in _STATES.items():
            value = models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
            panel = panel.override_by_name(state, [value])
        return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(60)


_RATE = "[$__rate_interval]"
_ROWS = {
    "Members": [
        Graph(
            "Members by state (worst node)",
            'min by (state) (engram_cluster_nodes{state="alive",$S})'
            ' or max by (state) (engram_cluster_nodes{state!="alive",$S})',
            "{{state}}",
            stacked=True,
        ),
        Graph("Alive members by node", 'engram_cluster_nodes{state="alive",$S}', "{{engram_node}}"),
        Graph(
            "Status transitions",
            f"sum by (status) (increase(engram_health_transitions_total{{$S}}{_RATE}))",
            "{{status}}",
        ),
    ],
    "Discovery": [
        Graph("Endpoints by provider", "max by (provider) (engram_discovery_endpoints{$S})", "{{provider}}"),
        Graph(
            "Discovery staleness",
            "max by (provider) (engram_discovery_stale_seconds{$S})",
            "{{provider}}",
            unit="s",
        ),
        Graph(
            "Discovery attempts by outcome",
            f"sum by (provider, outcome) (rate(engram_discovery_attempts_total{{$S}}{_RATE}))",
            "{{provider}} {{outcome}}",
            unit="ops",
        ),
        Graph(
            "Discovery duration (p90)",
            "histogram_quantile(0.9, sum by (provider, le)"
            f" (rate(engram_discovery_duration_seconds_bucket{{$S}}{_RATE})))",
            "{{provider}}",
            unit="s",
        ),
        Graph("Open circuit breakers", "sum by (provider) (engram_plugin_circuit_open{$S})", "{{provider}}"),
        Graph(
            "Join attempts by outcome",
            f"sum by (outcome) (increase(engram_join_attempts_total{{$S}}{_RATE}))",
            "{{outcome}}",
        ),
    ],
    "Registration": [
        Graph(
            "Registrations by state",
            "sum by (provider, state) (engram_registration_state{$S})",
            "{{provider}} {{state}}",
        ),
        Graph(
            "Lease remaining (shortest)",
            "min by (provider) (engram_registration_lease_seconds{$S})",
            "{{provider}}",
            unit="s",
        ),
        Graph(
            "Lease renewals",
            f"sum by (provider) (rate(engram_registration_renewals_total{{$S}}{_RATE}))",
            "{{provider}}",
            unit="ops",
        ),
    ],
    "Nodes": [
        Graph(
            "Failed probes",
            f'rate(engram_gossip_events_total{{event="probes_failed",$S}}{_RATE})',
            "{{engram_node}}",
            unit="ops",
        ),
        Graph("Lifeguard local health score", "engram_gossip_local_health{$S}", "{{engram_node}}"),
        Graph(
            "Event-loop lag",
            f"rate(engram_event_loop_lag_seconds_total{{$S}}{_RATE})",
            "{{engram_node}}",
            unit="percentunit",
        ),
    ],
}


def build() -> str:
    """Return the dashboard as JSON."""
    made = (
        dashboard.Dashboard("Engram cluster")
        .uid("engram-cluster")
        .tags(["engram"])
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_cluster_variable())
        .with_panel(_status_now())
        .with_panel(_status_over_time())
    )
    for title, graphs in _ROWS.items():
        made = made.with_row(dashboard.Row(title))
        for graph in graphs:
            made = made.with_panel(graph.build())
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _query(expression: str, legend: str) -> prometheus.Dataquery:
    selected = expression.replace("$S", 'engram_cluster=~"$cluster"')
    return prometheus.Dataquery().expr(selected).legend_format(legend)


def _cluster_variable() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("cluster")
        .label("Cluster")
        .datasource(_SOURCE)
        .query("label_values(engram_info, engram_cluster)")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(include_all=True)
        .multi(multi=True)
    )


def _status_now() -> single.Panel:
    panel = single.Panel().title("Cluster status (worst node)").height(6).span(6)
    return _with_statuses(panel).with_target(_query(f"max({_STATUS})", "status"))


def _status_over_time() -> statetimeline.Panel:
    panel = statetimeline.Panel().title("Cluster status by node").height(6).span(18)
    return _with_statuses(panel).with_target(_query(_STATUS, "{{engram_node}}"))


def _with_statuses(panel: Any) -> Any:
    """Map the numbers to names and colours of the status."""
    names = {
        number: models.ValueMappingResult(text=text, color=colour)
        for number, (text, colour) in _STATUSES.items()
    }
    return panel.datasource(_SOURCE).mappings([models.ValueMap(options=names)])


if __name__ == "__main__":
    FILE.write_text(build(), encoding="utf-8")
