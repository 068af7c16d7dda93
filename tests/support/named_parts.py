"""Whether a part that a page names, such as ``sources.chain.Discovery``, exists."""

from __future__ import annotations

import importlib


def part_exists(name: str) -> bool:
    """Return whether a dotted name, relative to the package or of a plugin, is a module or an attribute of one."""
    full = name if name.startswith("engram_discovery") else f"engram_discovery.{name}"
    parts = full.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False
