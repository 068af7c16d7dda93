"""Run a slow command of the set-up: one line when it starts, one every 15 s, and its output if it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["CommandError", "report", "run_shown"]

_PROGRESS_INTERVAL = 15.0
_TAIL_LINES = 40


class CommandError(Exception):
    """A command of the set-up failed; its output has been printed."""


def report(line: str) -> None:
    """Print a line of progress to standard error, at once."""
    print(line, file=sys.stderr, flush=True)


def run_shown(
    command: Sequence[str | Path],
    what: str,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run a command and report its progress; blocks until it ends.

    Args:
        command: Program and arguments. It reads nothing.
        what: Its purpose, as in ``coredns 1.14.0: build``; begins every line of progress.
        cwd: Where it runs; by default in the current directory.
        environment: Variables beyond those of this process.

    Raises:
        CommandError: It did not exit with status 0.
    """
    report(what)
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                _wait(process, what, started)
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            output.seek(0)
            _fail(output.read().decode(errors="replace"), what, process.returncode)


def _wait(process: subprocess.Popen[bytes], what: str, started: float) -> None:
    while process.poll() is None:
        try:
            process.wait(_PROGRESS_INTERVAL)
        except subprocess.TimeoutExpired:
            report(f"{what}: still running after {time.monotonic() - started:.0f} s")


def _fail(output: str, what: str, status: int) -> None:
    for line in output.splitlines()[-_TAIL_LINES:]:
        report(f"    {line}")
    raise CommandError(f"{what}: exit status {status}, see above")
