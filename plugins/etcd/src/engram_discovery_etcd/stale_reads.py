"""Detect stale reads: answers older than an earlier answer of the same cluster are discarded (ADR 63).

A member that was cut off, or restored from a backup, answers from the past; an etcd that was wiped starts at revision
1 with the same cluster id. One such member is passed over. If every endpoint that answers agrees, twice and some
seconds apart, then history was reset, and we follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engram_discovery.provider import FailureKind
from engram_discovery_etcd.failures import EtcdError

if TYPE_CHECKING:
    from collections.abc import Collection

    from engram_discovery.provider import Clock, Logger
    from engram_discovery_etcd.messages import ResponseHeader

__all__ = ["RevisionMark", "StaleReadGuard"]

_CONFIRMED_AFTER = 3.0
_AT_ONCE = 0.1
_ABSENT = frozenset(
    {FailureKind.REFUSED, FailureKind.TIMEOUT, FailureKind.UNAVAILABLE, FailureKind.DNS_FAILURE}
)


class RevisionMark(NamedTuple):
    """A point in a cluster's history."""

    cluster_id: int
    raft_term: int
    revision: int

    @classmethod
    def of(cls, header: ResponseHeader) -> RevisionMark:
        """Read it from the header of an answer."""
        return cls(header.cluster_id, header.raft_term, header.revision)


class StaleReadGuard:
    """Remembers how far a cluster's history went.

    Args:
        clock: Times the confirmation of a reset.
        logger: For the event ``etcd.history_reset``.
    """

    def __init__(self, clock: Clock, logger: Logger) -> None:
        self._clock = clock
        self._logger = logger
        self._suspected_at: float | None = None
        self.mark: RevisionMark | None = None

    def check(self, header: ResponseHeader, since: RevisionMark | None) -> None:
        """Take in the header of a linearizable answer.

        Args:
            header: The header.
            since: ``mark`` as it was when the question was asked.

        Raises:
            EtcdError: The answer is from before ``since``, or of another cluster.
        """
        now = RevisionMark.of(header)
        if since is not None and _is_before(now, since):
            text = f"it answers from the past: {_difference(now, since)}; not believed"
            raise EtcdError(text, FailureKind.BAD_DATA, elsewhere=True, header=header)
        self._suspected_at = None
        if self.mark is None or not _is_before(now, self.mark):
            self.mark = now

    def all_behind(self, errors: Collection[EtcdError]) -> float | None:
        """Take in that no endpoint gave a good answer; if all those that answered are behind, that may be a reset.

        Returns:
            Seconds after which to ask again, to confirm a reset or to use its outcome; None if there is no reset.
        """
        headers = [error.header for error in errors if error.header is not None]
        if not headers or any(error.header is None and error.kind not in _ABSENT for error in errors):
            return None
        moment = self._clock.monotonic()
        if self._suspected_at is None:
            self._suspected_at = moment
        left = self._suspected_at + _CONFIRMED_AFTER - moment
        if left > 0:
            return left
        self._reset(RevisionMark.of(headers[-1]))
        return _AT_ONCE

    def _reset(self, now: RevisionMark) -> None:
        before, self.mark, self._suspected_at = self.mark, now, None
        self._logger.error(
            "etcd.history_reset",
            previous_revision=before and before._asdict(),
            revision=now._asdict(),
            error="every endpoint answers with an older revision: etcd was wiped or restored",
        )


def _is_before(now: RevisionMark, since: RevisionMark) -> bool:
    return (
        now.cluster_id != since.cluster_id or now.revision < since.revision or now.raft_term < since.raft_term
    )


def _difference(now: RevisionMark, since: RevisionMark) -> str:
    names = ("cluster id", "raft term", "revision")
    pairs = zip(names, now, since, strict=True)
    return ", ".join(f"{name} {a}, was {b}" for name, a, b in pairs if a != b)
