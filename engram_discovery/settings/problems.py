"""What is wrong with the settings: every problem with its key, origin and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

__all__ = ["MOST_ALIKE", "Problem", "path_remedy", "printable", "rest_of"]

#: A table or list with more that is wrong in one way is the wrong one: so many are told, the rest is counted.
MOST_ALIKE = 20

_LONGEST_KEY = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the settings.

    Attributes:
        key: Dotted key, such as ``cluster.dns.port``; empty where no key is to blame.
        found: What was expected and what was found: ``expected an integer 1..65535, got "http"``. Never
            a secret.
        origin: Where the value came from: ``engram.toml:12``, ``ENGRAM_CLUSTER__DNS__PORT``; empty if
            nowhere.
        remedy: What to do, if that is not obvious.
    """

    key: str
    found: str
    origin: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        key = self.key if len(self.key) <= _LONGEST_KEY else f"{self.key[: _LONGEST_KEY - 1]}…"
        text = f"{key}: {self.found}" if key else self.found
        if self.origin:
            text += f" (from {self.origin})"
        return printable(f"{text}; {self.remedy}" if self.remedy else text)


def rest_of(things: Sized, key: str, what: str) -> list[Problem]:
    """Count the things beyond those that are told one by one."""
    rest = len(things) - MOST_ALIKE
    return [Problem(key, f"{rest} more {what}")] if rest > 0 else []


def path_remedy(path: object) -> str:
    """Tell what to do about a path that a shell would have expanded."""
    is_home = isinstance(path, str) and path.startswith("~")
    return "~ is not expanded: write the whole path" if is_home else ""


def printable(text: str) -> str:
    """Escape what a terminal would act on or cannot encode; a problem stays on one line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
