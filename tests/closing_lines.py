"""Repeat the closing lines of all pytest runs in a log, with their sum last: ``python -m tests.closing_lines LOG``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["summary"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLOSING_LINE = re.compile(
    r"^=* ?(?:\d+ \w+, )*\d+ (?:passed|failed|errors?)\b.* in [\d.]+s.*$", re.MULTILINE
)


def summary(log: str) -> str:
    """Return each closing line of a log, and the line ``N passed, N failed``; an error counts as a failure."""
    lines = _CLOSING_LINE.findall(_COLOUR.sub("", log))
    passed, failed, errors = (
        sum(int(count) for line in lines for count in re.findall(rf"(\d+) {word}", line))
        for word in ("passed", "failed", "error")
    )
    return "\n".join([*lines, f"{passed} passed, {failed + errors} failed"])


if __name__ == "__main__":
    print(summary(Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace")))
