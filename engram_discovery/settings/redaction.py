"""Write a value for people: short, and never a secret."""

from __future__ import annotations

import json
import re
from typing import Any

from engram_discovery._text import printable
from engram_discovery.settings.origins import Layer, Leaf

__all__ = ["HIDDEN", "is_hidden", "mask", "show"]

#: What stands where a secret would be.
HIDDEN = "****"

_LONGEST = 60
_USERINFO = re.compile(r"//[^/@\s]*@")


def is_hidden(leaf: Leaf, *, secret: bool) -> bool:
    """Tell whether a value must not be shown: the model says so, or it stands in the secrets file."""
    return secret or leaf.origin.layer is Layer.SECRETS


def mask(text: str) -> str:
    """Hide the user and password of every URL in a text."""
    return _USERINFO.sub(f"//{HIDDEN}@", text)


def show(value: Any, *, longest: int = _LONGEST) -> str:
    """Write a value as JSON would, cut to ``longest`` characters, without the user and password of a URL."""
    if isinstance(value, list | tuple | set | frozenset):
        text = "[" + ", ".join(show(item, longest=longest) for item in value) + "]"
    elif isinstance(value, str):
        text = json.dumps(mask(value), ensure_ascii=not value.isprintable())
    elif isinstance(value, bool) or value is None:
        text = json.dumps(value)
    else:
        text = printable(mask(str(value)))
    return text if len(text) <= longest else text[: longest - 1] + "…"
