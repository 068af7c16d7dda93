"""Write the reference page of the metrics, from the declarations that the scrape uses.

python -m engram_discovery.metrics.reference > docs/reference/metrics.md
"""

from __future__ import annotations

import sys

from engram_discovery.metrics.definitions import GROUPS

__all__ = ["reference_page"]

_INTRODUCTION = """\
# Metrics

This page is written by `python -m engram_discovery.metrics.reference`. Do not edit it.

`engram-discovery run` exposes all metrics at `/metrics`. A program that embeds a node passes a registry of its own:
`initialize_cluster(settings, registry=registry)`; without a registry there are no metrics, and prometheus_client is not
imported. Every value is read at the scrape. No address and no node id is a label: a node of a cluster of a thousand has
as many series as a node of a cluster of three.

[How to scrape and alert](../how-to/alerts.md)
"""


def reference_page() -> str:
    """Return the reference of all metrics in Markdown."""
    lines = [_INTRODUCTION]
    for title, definitions in GROUPS.items():
        lines += [f"## {title}", "", "| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
        for definition in definitions:
            labels = ", ".join(f"`{label}`" for label in definition.labels)
            lines.append(f"| `{definition.name}` | {definition.type} | {labels} | {definition.help} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(reference_page())
