"""The health check of a source: does it answer, is it told of changes, and how old is what we hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.sources.status import Outcome
from engram_discovery.types import CheckResult, CheckStatus

if TYPE_CHECKING:
    from engram_discovery.sources.chain import Discovery

__all__ = ["SourceCheck", "source_checks"]


class SourceCheck:
    """Shows one source under ``checks`` of ``/cluster/health``; asks nobody. A stale one never makes a node critical.

    Args:
        discovery: The sources.
        source: Name of the one.
    """

    def __init__(self, discovery: Discovery, source: str) -> None:
        self._discovery = discovery
        self._source = source
        self.name = f"{source}-source"

    async def check(self) -> CheckResult:
        """Read the source's own account of itself."""
        status = next(status for status in self._discovery.status() if status.name == self._source)
        fine = status.outcome in {Outcome.FOUND, Outcome.EMPTY} and status.stale_for is None
        return CheckResult(
            CheckStatus.PASSING if fine else CheckStatus.WARNING,
            status.sentence(),
            {
                "watching": status.watching,
                "age": status.age,
                "stale_for": status.stale_for,
                "count": status.count,
            },
        )


def source_checks(discovery: Discovery) -> list[SourceCheck]:
    """Make the check of every source."""
    return [SourceCheck(discovery, status.name) for status in discovery.status()]
