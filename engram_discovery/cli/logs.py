"""Logging of the command line tool, on standard error: for people on a terminal, JSON otherwise.

Only here is logging configured: the library never does.
"""

from __future__ import annotations

import logging
import sys

import kinship
import structlog

__all__ = ["LEVELS", "configure_logging"]

#: The levels that ``--log-level`` takes.
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logging(level: str) -> None:
    """Send every event of ours, and warnings of the libraries, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = _renderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("engram_discovery").setLevel(LEVELS[level])
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.raiseExceptions = False  # a closed standard error must not stop the node
    kinship.log_to_python(LEVELS["error"])  # what it warns of, we say ourselves, with the setting to change


def _renderer() -> structlog.typing.Processor:
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer()
