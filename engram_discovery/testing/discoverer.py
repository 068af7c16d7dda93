"""A discoverer that answers by a script, for tests of wrappers and of services."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engram_discovery.errors import DiscoveryError
    from engram_discovery.types import Empty, Found

__all__ = ["ScriptedDiscoverer"]


class ScriptedDiscoverer:
    """A ``Discoverer`` that gives its answers in turn, the last one again and again.

    Args:
        answers: What to return, or the errors to raise; at least one.
    """

    def __init__(self, *answers: Found | Empty | DiscoveryError) -> None:
        if not answers:
            raise ValueError("expected at least one answer")
        self._answers = answers
        self.asked = 0
        self.closed = False

    async def discover(self) -> Found | Empty:
        """Give the next answer."""
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        """Remember that it was closed."""
        self.closed = True
