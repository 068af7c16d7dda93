"""One declaration of a metric, for the scrape and for the reference page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import Metric

    from engram_discovery.sources.status import Durations

__all__ = ["Family", "Kind", "Labels", "counter", "gauge", "histogram"]

#: Values of a series' labels, in the order of the family's.
Labels = tuple[str, ...]


class Kind(StrEnum):
    """What a metric is, in Prometheus' words."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its labels.

    Attributes:
        name: As it is scraped; a counter's ends in ``_total``.
        kind: What it is.
        meaning: One sentence.
        labels: Names of its labels.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()

    def single(self, value: float) -> Metric:
        """Make the metric of a family without labels."""
        return self.series({(): value})

    def series(self, values: Mapping[Labels, float]) -> Metric:
        """Make the metric, with one series for each combination of label values."""
        make = GaugeMetricFamily if self.kind is Kind.GAUGE else CounterMetricFamily
        metric = make(self.name, self.meaning, labels=self.labels)
        for labels, value in values.items():
            metric.add_metric(labels, value)
        return metric

    def durations(self, values: Mapping[Labels, Durations]) -> Metric:
        """Make the metric of a histogram."""
        metric = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, durations in values.items():
            buckets = [(_bound(bound), count) for bound, count in durations.cumulative()]
            metric.add_metric(labels, buckets=buckets, sum_value=durations.total)
        return metric


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else str(seconds)


def gauge(name: str, meaning: str, *labels: str) -> Family:
    """Declare a gauge."""
    return Family(name, Kind.GAUGE, meaning, labels)


def counter(name: str, meaning: str, *labels: str) -> Family:
    """Declare a counter; its name ends in ``_total``."""
    return Family(name, Kind.COUNTER, meaning, labels)


def histogram(name: str, meaning: str, *labels: str) -> Family:
    """Declare a histogram."""
    return Family(name, Kind.HISTOGRAM, meaning, labels)
