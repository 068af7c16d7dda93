"""Find every log event in the source: its name, its level, and the facts that are given by keyword."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engram_discovery.types import EventKind, HealthStatus

ROOT = Path(__file__).parents[2]
_LEVELS = {name: name for name in ("debug", "info", "warning", "error")}
_WRAPPERS = {"_warn": "warning", "check": "warning"}
_FAILURE_LOG = {"failed": "warning", "recovered": "info"}
_NAME = re.compile(r"[a-z_]+(\.[a-z_]+)?")
#: Names that are composed, by their beginning. Lost events have a name of their own.
_VARIANTS: dict[str, list[str]] = {
    "health.": [status.value for status in HealthStatus],
    "member.": [kind.value for kind in EventKind if kind is not EventKind.LOST],
}


@dataclass
class Event:
    """One event, wherever it is logged."""

    name: str
    levels: set[str] = field(default_factory=set)
    facts: set[str] = field(default_factory=set)


def find_events() -> dict[str, Event]:
    """Read host and plugins, and return their events by name."""
    events: dict[str, Event] = {}
    for path in sorted([*ROOT.glob("engram_discovery/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for name, level, facts in _events_of(node):
                    event = events.setdefault(name, Event(name))
                    event.levels |= {level} if level else set()
                    event.facts |= facts
    return events


def _events_of(call: ast.Call) -> Iterator[tuple[str, str, set[str]]]:
    facts = {keyword.arg for keyword in call.keywords if keyword.arg}
    if isinstance(call.func, ast.Name) and call.func.id == "FailureLog":
        for keyword in call.keywords:
            if keyword.arg in _FAILURE_LOG and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value), _FAILURE_LOG[keyword.arg], set()
        return
    first = call.args[0] if call.args else None
    if isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
        prefix = str(first.values[0].value)
        for variant in _VARIANTS.get(prefix, []):
            yield f"{prefix}{variant}", "", facts
    attribute = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    level = {**_LEVELS, **_WRAPPERS}.get(attribute)
    if level and isinstance(first, ast.Constant) and _NAME.fullmatch(str(first.value)):
        yield str(first.value), level, facts
