"""Loggers for the library, which configures none of them.

If the program has configured structlog, its configuration is used. If not, events go to the standard library's
logging (``engram_discovery.…``) as ``event key=value …``, so that an unconfigured program sees only warnings, on
standard error, and nothing is ever printed to standard output. structlog is never imported here: a program that
configured it has done so, and one that did not is spared its 100 ms.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Protocol

__all__ = ["Logger", "get_logger"]


class Logger(Protocol):
    """What the library and its plugins use of a logger: a stable event name and facts by keyword."""

    def debug(self, event: str, **facts: Any) -> Any:
        """Log a detail for developers."""

    def info(self, event: str, **facts: Any) -> Any:
        """Log a normal change of state."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Log a problem that an operator should check."""

    def error(self, event: str, **facts: Any) -> Any:
        """Log a problem that an operator must correct."""

    def bind(self, **facts: Any) -> Any:
        """Return a logger that adds these facts to every event."""


class SilentLogger:
    """Drops every event: for a command that shows what happened itself."""

    def debug(self, event: str, **facts: Any) -> None:
        """Drop it."""

    info = warning = error = debug

    def bind(self, **_facts: Any) -> SilentLogger:
        """Return the same."""
        return self


def get_logger(name: str, **facts: Any) -> Logger:
    """Return a logger for ``name`` (``engram_discovery.<part>``) that adds ``facts`` to every event."""
    structlog = sys.modules.get("structlog")
    if structlog is not None and structlog.is_configured():
        logger: Logger = structlog.get_logger(name).bind(**facts)
        return logger
    return _StandardLogger(logging.getLogger(name), facts)


class _StandardLogger:
    """The same calls over the standard library: one line an event, with ``event`` and ``facts`` on the record."""

    __slots__ = ("_facts", "_logger")

    def __init__(self, logger: logging.Logger, facts: dict[str, Any]) -> None:
        self._logger = logger
        self._facts = facts

    def debug(self, event: str, **facts: Any) -> None:
        self._log(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._log(logging.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._log(logging.WARNING, event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._log(logging.ERROR, event, facts)

    def bind(self, **facts: Any) -> _StandardLogger:
        return _StandardLogger(self._logger, {**self._facts, **facts})

    def _log(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if self._logger.isEnabledFor(level):
            all_facts = {**self._facts, **facts}
            text = "".join(f" {key}={_shown(value)}" for key, value in all_facts.items())
            self._logger.log(level, "%s%s", event, text, extra={"event": event, "facts": all_facts})


def _shown(value: object) -> str:
    text = str(value)
    plain = text.isascii() and text.isprintable() and " " not in text and '"' not in text and text
    return text if plain else repr(text)
