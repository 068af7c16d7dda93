"""Where events go: to the program's own logging, whichever it has."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
import structlog
from structlog.testing import capture_logs

from engram_discovery.cli.logs import ConsoleFormatter, JsonFormatter
from engram_discovery.runtime.log import get_logger


def test_events_go_to_the_standard_library(caplog: pytest.LogCaptureFixture) -> None:
    """Without structlog an event is one line of text, with name and facts on the record."""
    with caplog.at_level(logging.INFO, "engram_discovery"):
        get_logger("engram_discovery.x", a=1).bind(b="two words").info("thing.happened", c=None)

    record = caplog.records[0]
    assert record.getMessage() == "thing.happened a=1 b='two words' c=None"
    assert record.__dict__["event"] == "thing.happened"
    assert record.__dict__["facts"] == {"a": 1, "b": "two words", "c": None}


def test_a_program_that_configured_structlog_gets_events_there() -> None:
    """Its configuration is used as it is."""
    structlog.configure()
    try:
        with capture_logs() as lines:
            get_logger("engram_discovery.x", a=1).warning("thing.happened", b=2)
    finally:
        structlog.reset_defaults()

    assert lines == [{"a": 1, "b": 2, "event": "thing.happened", "log_level": "warning"}]


def test_an_unconfigured_program_prints_nothing_to_standard_output() -> None:
    """Warnings reach standard error, and importing the package configures no logging and no structlog."""
    code = (
        "import logging, sys; from engram_discovery.runtime.log import get_logger\n"
        "import engram_discovery.node.startup\n"
        "get_logger('engram_discovery').warning('bad'); get_logger('engram_discovery').info('fine');"
        "print(logging.getLogger().handlers, 'structlog' in sys.modules)"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "[] False\n"
    assert ended.stderr == "bad\n"


def hostile_record() -> logging.LogRecord:
    facts = {"node_id": 'x"\n\x1b[31m', "n": 1}
    record = logging.LogRecord(
        "engram_discovery", logging.WARNING, "", 0, "member.joined node_id=%r", ("x\n",), None
    )
    record.__dict__.update(event="member.joined", facts=facts)
    return record


def test_json_lines_cannot_be_forged() -> None:
    """Whatever a fact holds, it is one line of valid JSON with name, level and time."""
    line = JsonFormatter().format(hostile_record())

    assert "\n" not in line
    assert json.loads(line)["node_id"] == 'x"\n\x1b[31m'
    assert (json.loads(line)["event"], json.loads(line)["level"]) == ("member.joined", "warning")


def test_lines_for_people_hold_no_control_characters() -> None:
    """A fact with a line break stays on its line."""
    assert "\n" not in ConsoleFormatter().format(hostile_record())
