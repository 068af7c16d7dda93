"""Say why a provider cannot be had: what there is instead, what was probably meant, how to install it."""

from __future__ import annotations

import difflib
import importlib.metadata
import re
from typing import TYPE_CHECKING

from engram_discovery.errors import ProviderNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from engram_discovery.host.entry import Candidate

__all__ = ["disabled", "first_party", "not_found", "pip_line"]

_EXTRA = re.compile(r"""engram-discovery-([a-z0-9_-]+)\b.*extra\s*==\s*['"]\1['"]""")


def first_party() -> frozenset[str]:
    """Name the providers that this package has an extra for, by its own metadata."""
    try:
        requirements = importlib.metadata.requires("engram-discovery") or []
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        return frozenset()
    return frozenset(match[1] for line in requirements if (match := _EXTRA.match(line)))


def pip_line(provider: str) -> str | None:
    """Give the command that installs one of our own providers; None if it is not ours."""
    return f'pip install "engram-discovery[{provider}]"' if provider in first_party() else None


def not_found(kind: str, name: str, available: Collection[str]) -> ProviderNotFoundError:
    """Describe that nothing installed offers ``name``.

    Args:
        kind: ``discovery provider`` or ``membership engine``.
        name: What the settings name.
        available: What could be selected.
    """
    parts = [f'unknown {kind} "{name}"', f"installed: {', '.join(sorted(available)) or 'none'}"]
    hint = pip_line(name)
    close = difflib.get_close_matches(name, {*available, *first_party()} - {name}, n=1)
    if hint is None and close:
        parts.append(f'did you mean "{close[0]}"?')
        hint = None if close[0] in available else pip_line(close[0])
    text = "; ".join(parts)
    if hint:
        text += f" {hint}" if text.endswith("?") else f"; {hint}"
    return ProviderNotFoundError(text, plugin=name, available=sorted(available), install_hint=hint)


def disabled(name: str, owners: Sequence[Candidate], available: Collection[str]) -> ProviderNotFoundError:
    """Describe that ``name`` is installed, but ruled out by the settings."""
    return ProviderNotFoundError(
        f'"{name}" is installed, but not enabled: {owners[0].label} is ruled out by cluster.plugins.allow or '
        f"cluster.plugins.deny; enabled: {', '.join(sorted(available)) or 'none'}",
        plugin=name,
        available=sorted(available),
        install_hint=None,
    )
