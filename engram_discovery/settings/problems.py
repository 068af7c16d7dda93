"""What is wrong with the settings: every problem with its key, origin and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sized

__all__ = ["MOST_ALIKE", "path_remedy", "rest_of"]

#: A table or list with more that is wrong in one way is the wrong one: so many are told, the rest is counted.
MOST_ALIKE = 20


def rest_of(things: Sized, key: str, what: str) -> list[Problem]:
    """Count the things beyond those that are told one by one."""
    rest = len(things) - MOST_ALIKE
    return [Problem(key, f"{rest} more {what}")] if rest > 0 else []


def path_remedy(path: object) -> str:
    """Tell what to do about a path that a shell would have expanded."""
    is_home = isinstance(path, str) and path.startswith("~")
    return "~ is not expanded: write the whole path" if is_home else ""
