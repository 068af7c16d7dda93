"""A logger that a test can read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["LogEvent", "RecordingLogger"]


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One call of the logger.

    Attributes:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        event: Name of the event.
        facts: Its facts, bound ones included.
    """

    level: str
    event: str
    facts: dict[str, Any]


@dataclass(slots=True)
class RecordingLogger:
    """A ``Logger`` that records events; loggers bound from it share its ``events``."""

    events: list[LogEvent] = field(default_factory=list)
    bound: dict[str, Any] = field(default_factory=dict)

    def debug(self, event: str, **facts: Any) -> None:
        """Keep something for developers."""
        self._keep("debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        """Keep a normal change of state."""
        self._keep("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Record a warning."""
        self._keep("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """Keep something that an operator must mend."""
        self._keep("error", event, facts)

    def bind(self, **facts: Any) -> RecordingLogger:
        """Return a logger that adds these facts, and keeps events in the same list."""
        return RecordingLogger(self.events, {**self.bound, **facts})

    def names(self, level: str | None = None) -> list[str]:
        """Return the names of the events, of one level or of all, in order."""
        return [event.event for event in self.events if level in (None, event.level)]

    def _keep(self, level: str, event: str, facts: dict[str, Any]) -> None:
        self.events.append(LogEvent(level, event, {**self.bound, **facts}))
