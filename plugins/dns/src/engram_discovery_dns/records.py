"""Select and order the usable SRV records of an answer (RFC 2782)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from dns.rdtypes.util import weighted_processing_order

from engram_discovery_dns.wire import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery_dns.wire import SrvRecord

__all__ = ["Selection", "select"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The records to use.

    Attributes:
        records: In the order of RFC 2782: by priority, drawn by weight among equals.
        offered: False if the only target is ``.``: the service is not available at this domain.
        without_port: How many records were left out because their port is 0.
        ambiguous_ports: The ports of a target that has several, if none of them is the port wanted.
    """

    records: tuple[SrvRecord, ...]
    offered: bool = True
    without_port: int = 0
    ambiguous_ports: tuple[int, ...] = ()


def select(records: Iterable[SrvRecord], port: int) -> Selection:
    """Select the usable records.

    A headless Service of Kubernetes answers the bare name with each pod once for each of its ports. Where a
    target comes with several ports, the records with ``port`` are kept; if there are none, all are.
    """
    offered = [record for record in records if record.target != ROOT]
    usable = [record for record in offered if record.port]
    without_port = len(offered) - len(usable)
    ports: dict[bytes, set[int]] = defaultdict(set)
    for record in usable:
        ports[record.target].add(record.port)
    several = max(ports.values(), key=len, default=set())
    ambiguous: tuple[int, ...] = ()
    if len(several) > 1:
        matching = [record for record in usable if record.port == port]
        ambiguous = () if matching else tuple(sorted(several))
        usable = matching or usable
    return Selection(_ordered(usable), bool(offered), without_port, ambiguous)


def _ordered(records: list[SrvRecord]) -> tuple[SrvRecord, ...]:
    if not records:
        return ()
    ordered = weighted_processing_order(records)  # type: ignore[no-untyped-call]  # dnspython gives no types
    return tuple(cast("list[SrvRecord]", ordered))
