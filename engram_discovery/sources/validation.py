"""The answer of a plugin, checked: what reaches the rest of the host is well-formed, bounded and harmless."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.network.address import is_wildcard
from engram_discovery.types import Empty, Endpoint, Found

__all__ = ["LARGEST_ANSWER", "ValidatedAnswer", "validate_answer"]

#: More endpoints than this are cut off: no cluster of ours is larger, and a source must not eat the memory.
LARGEST_ANSWER = 10_000

_LONGEST_TEXT = 200
_METADATA_SERVICES = frozenset({"169.254.169.254", "fd00:ec2::254"})


@dataclass(frozen=True, slots=True)
class ValidatedAnswer:
    """An answer that is safe to use.

    Attributes:
        answer: The answer, cleaned.
        partial: Why the answer is not the whole truth, in one word for a metric; empty if it is.
        rejected: How many records were dropped, by reason.
    """

    answer: Found | Empty
    partial: str = ""
    rejected: Mapping[str, int] = field(default_factory=dict)


def validate_answer(answer: object, *, source: str) -> ValidatedAnswer:
    """Check what ``source`` answered; endpoints keep their order and lose their doubles.

    Raises:
        DiscoveryError: It is no answer at all, or not one of its records can be used.
    """
    if isinstance(answer, Empty):
        return ValidatedAnswer(Empty(_text(answer.reason), _ttl(answer.ttl)))
    if not isinstance(answer, Found) or not isinstance(answer.endpoints, Iterable):
        raise DiscoveryError(
            f"answered with {type(answer).__name__} instead of Found or Empty", kind=FailureKind.PLUGIN_BUG
        )
    return _check_found(answer, source)


def _check_found(answer: Found, source: str) -> ValidatedAnswer:
    records: list[Any] = list(islice(answer.endpoints, LARGEST_ANSWER + 1))
    partial = "limit" if len(records) > LARGEST_ANSWER else "" if answer.complete else "source"
    good: dict[Endpoint, None] = {}
    rejected: Counter[str] = Counter()
    for record in records[:LARGEST_ANSWER]:
        if reason := _objection(record):
            rejected[reason] += 1
        else:
            good.setdefault(record if record.source == source else replace(record, source=source))
    if not good:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no records"
        raise DiscoveryError(f"not one usable record: {reasons}", kind=FailureKind.BAD_DATA)
    if rejected["malformed"]:
        partial = partial or "malformed"
    found = Found(tuple(good), complete=not partial, ttl=_ttl(answer.ttl), detail=_text(answer.detail))
    return ValidatedAnswer(found, partial, rejected)


def _objection(record: object) -> str:
    if not isinstance(record, Endpoint):
        return "malformed"
    # Hosts are canonical, so comparing text is enough, and much quicker than parsing ten thousand addresses.
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


def _text(value: object) -> str:
    return "".join(character if character.isprintable() else "?" for character in str(value)[:_LONGEST_TEXT])
