"""A logger that keeps what was logged, and when, on the time of the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any


class RecordingLogger:
    """Keeps what was logged, with the time of the running loop."""

    def __init__(self, facts: Mapping[str, Any] | None = None, lines: list[Any] | None = None) -> None:
        self._facts = dict(facts or {})
        self.lines: list[tuple[float, str, str, dict[str, Any]]] = [] if lines is None else lines

    def _log(self, level: str, event: str, facts: Mapping[str, Any]) -> None:
        now = asyncio.get_running_loop().time()
        self.lines.append((now, level, event, {**self._facts, **facts}))

    def debug(self, event: str, **facts: Any) -> None:
        self._log("debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._log("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._log("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._log("error", event, facts)

    def bind(self, **facts: Any) -> RecordingLogger:
        return RecordingLogger({**self._facts, **facts}, self.lines)

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the facts of each line of this event."""
        return [facts for _, _, name, facts in self.lines if name == event]
