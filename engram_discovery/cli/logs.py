"""Logging of the command line tool, on standard error: for people on a terminal, JSON otherwise.

Only here is logging configured: the library never does.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import click
import kinship

__all__ = ["LEVELS", "configure_logging"]

#: The levels that ``--log-level`` takes.
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def configure_logging(level: str) -> None:
    """Send events of this package from ``level`` on, and warnings of libraries, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ConsoleFormatter() if sys.stderr.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("engram_discovery").setLevel(LEVELS[level])
    logging.getLogger("uvicorn.error").setLevel(
        logging.ERROR
    )  # it warns of every malformed request, unbounded
    logging.raiseExceptions = False  # a closed standard error must not stop the node
    kinship.log_to_python(
        LEVELS["error"]
    )  # its warnings repeat events of this package, without the setting to change


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``timestamp``, ``level``, ``event``, then the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = {
            "timestamp": _created(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", record.name),
            **getattr(record, "facts", {"message": record.getMessage()}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class ConsoleFormatter(logging.Formatter):
    """One line an event: time of day, level, event, facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        level = click.style(f"{record.levelname.lower():<8}", fg=_COLOURS.get(record.levelname, "cyan"))
        line = f"{_created(record).astimezone():%H:%M:%S} {level} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _created(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
