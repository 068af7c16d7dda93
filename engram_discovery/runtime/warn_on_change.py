"""Log a warning once for as long as its cause stays the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engram_discovery.runtime.log import Logger

__all__ = ["WarnOnChange"]


class WarnOnChange:
    """Warns when a condition appears or changes; a condition that stays the same, or ends, is not logged.

    Args:
        logger: Receives the events.
        facts: Facts of every event.
    """

    def __init__(self, logger: Logger, **facts: Any) -> None:
        self._logger = logger
        self._facts = facts
        self._last: dict[str, object] = {}

    def check(self, event: str, condition: object, **facts: Any) -> None:
        """Log ``event`` if ``condition`` is true and differs from that of the last check of this event."""
        if condition and self._last.get(event) != condition:
            self._logger.warning(event, **self._facts, **facts)
        self._last[event] = condition
