"""Joining the cluster at start-up, and healing its splits for as long as the node runs.

Called by: ``node.startup`` joins once and starts the healing; ``http`` and the CLI show the explanation.
In: the snapshot of the sources, the members of the engine.
Out: calls of ``Membership.join``, a ``JoinExplanation``, log events ``join.*`` and ``cluster.*``.

    Snapshot.endpoints - live members - this node ──> JoinCandidates ──> ParallelJoin ──> Membership.join
                          MemberCounts ──> JoinNeed ──> JoinProgress ──> Phase, JoinExplanation
"""

from __future__ import annotations

from engram_discovery.joining.joiner import Joiner

__all__ = ["Joiner"]
