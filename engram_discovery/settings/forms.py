"""The other keys by which a field may be written, and the nearest key to one that nobody knows."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.settings.fields import Kind, wants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from engram_discovery.settings.fields import FieldSpec

__all__ = ["FILE_SUFFIX", "SECONDS", "keys_of", "suggest", "written_forms"]

#: What one unit is in seconds, by the suffix of the key.
SECONDS = {"_sec": 1.0, "_ms": 0.001}

#: Suffix of the key that names a secret's file.
FILE_SUFFIX = "_file"


def written_forms(key: str, wanted: FieldSpec) -> tuple[str, ...]:
    """Return the other keys of a field: ``refresh_sec`` and ``refresh_ms``, or ``token_file``."""
    if wanted.secret and wanted.kind not in {Kind.TABLE, Kind.MAPPING}:
        return (key + FILE_SUFFIX,)
    return tuple(key + suffix for suffix in SECONDS) if wanted.kind is Kind.DURATION else ()


@lru_cache(maxsize=128)
def keys_of(model: type[BaseModel]) -> Mapping[str, str]:
    """Map every key by which a field of a model may be written to the field. Remembered like ``wants``."""
    others = {form: name for name, wanted in wants(model).items() for form in written_forms(name, wanted)}
    return MappingProxyType({**others, **{name: name for name in wants(model)}})


def suggest(key: str, known: list[str], *, cutoff: float = 0.6) -> str:
    """Return the nearest known name as a question, or nothing."""
    near = get_close_matches(key.lower(), known, n=1, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else ""
