"""Validate the answer of a discoverer: what reaches the host is well-formed, bounded and safe to contact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from engram_discovery._text import printable
from engram_discovery.defaults import MAX_DETAIL_LENGTH, MAX_ENDPOINTS
from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.network.address import is_wildcard
from engram_discovery.types import Empty, Endpoint, Found

__all__ = ["ValidatedAnswer", "validate_answer"]

_METADATA_SERVICES = frozenset({"169.254.169.254", "fd00:ec2::254"})


@dataclass(frozen=True, slots=True)
class ValidatedAnswer:
    """A validated answer.

    Attributes:
        answer: The answer, cleaned.
        partial: Why the answer is incomplete, in one word for a metric; empty if it is complete.
        rejected: How many records were dropped, by reason.
    """

    answer: Found | Empty
    partial: str = ""
    rejected: Mapping[str, int] = field(default_factory=dict)


def validate_answer(answer: object, *, source: str) -> ValidatedAnswer:
    """Validate an answer of ``source``; endpoints keep their order, duplicates are dropped.

    Raises:
        DiscoveryError: It is not an answer, or none of its records can be used.
    """
    if isinstance(answer, Empty):
        return ValidatedAnswer(
            Empty(printable(answer.reason, max_length=MAX_DETAIL_LENGTH), _ttl(answer.ttl))
        )
    if not isinstance(answer, Found) or not isinstance(answer.endpoints, Iterable):
        raise DiscoveryError(
            f"returned {type(answer).__name__} instead of Found or Empty", kind=FailureKind.PLUGIN_BUG
        )
    return _check_found(answer, source)


def _check_found(answer: Found, source: str) -> ValidatedAnswer:
    records: list[Any] = list(islice(answer.endpoints, MAX_ENDPOINTS + 1))
    partial = "limit" if len(records) > MAX_ENDPOINTS else "" if answer.complete else "source"
    good: dict[Endpoint, None] = {}
    rejected: Counter[str] = Counter()
    for record in records[:MAX_ENDPOINTS]:
        if reason := _rejection(record):
            rejected[reason] += 1
        else:
            good.setdefault(record if record.source == source else replace(record, source=source))
    if not good:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no records"
        raise DiscoveryError(f"no usable record: {reasons}", kind=FailureKind.BAD_DATA)
    if rejected["malformed"]:
        partial = partial or "malformed"
    found = Found(
        tuple(good),
        complete=not partial,
        ttl=_ttl(answer.ttl),
        detail=printable(answer.detail, max_length=MAX_DETAIL_LENGTH),
    )
    return ValidatedAnswer(found, partial, rejected)


def _rejection(record: object) -> str:
    if not isinstance(record, Endpoint):
        return "malformed"
    # hosts are canonical: comparing text suffices, and is much faster than parsing ten thousand addresses
    if is_wildcard(record.host):
        return "wildcard"
    if record.host in _METADATA_SERVICES:
        return "metadata_service"
    return "multicast" if _is_multicast(record.host) else ""


def _is_multicast(host: str) -> bool:
    if ":" in host:
        return host.startswith("ff")
    first, _, rest = host.partition(".")
    is_ip = rest.replace(".", "").isdigit()
    return is_ip and (224 <= int(first) <= 239 or host == "255.255.255.255")


def _ttl(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
