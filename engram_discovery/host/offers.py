"""Check what a plugin says of its providers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from engram_discovery.hookspecs import API_VERSION
from engram_discovery.types import ProviderInfo

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["offer_problem"]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


def offer_problem(offered: Sequence[object], *, entry_points: Collection[str] | None) -> str | None:
    """Say what is wrong with the answer to ``engram_providers``, or return None.

    Args:
        offered: The answer.
        entry_points: The plugin's own entry point names, the only names it may offer; None if it has none.
    """
    names: set[str] = set()
    for info in offered:
        problem = _problem(info, names, entry_points)
        if problem:
            return problem
        names.add(getattr(info, "name", ""))
    return None


def _problem(offer: object, seen: Collection[str], entry_points: Collection[str] | None) -> str | None:
    if not isinstance(offer, ProviderInfo):
        return f"answered engram_providers with {type(offer).__qualname__}, not with ProviderInfo"
    info: Any = offer  # its fields are as the plugin filled them, whatever their annotations say
    if info.requires_api != API_VERSION:
        older = isinstance(info.requires_api, int) and info.requires_api < API_VERSION
        return (
            f"needs version {info.requires_api} of the plugin contract, this host has version {API_VERSION}; "
            f"pip install --upgrade {'that plugin' if older else 'engram-discovery'}"
        )
    if not isinstance(info.name, str) or not _NAME.match(info.name):
        return f"offers a provider {info.name!r}; a name has lower-case letters, digits and underscores"
    if info.name in seen:
        return f'offers the provider "{info.name}" twice'
    if entry_points is not None and info.name not in entry_points:
        return f'offers the provider "{info.name}" without an entry point of that name'
    if not (
        isinstance(info.settings_model, type)
        and callable(getattr(info.settings_model, "model_validate", None))
    ):
        return f'names no pydantic model as settings_model of "{info.name}"'
    if not isinstance(info.capabilities, frozenset):
        return f'names capabilities of "{info.name}" that are no frozenset'
    return None
