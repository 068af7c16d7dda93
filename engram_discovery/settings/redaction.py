"""Redaction: format a value for messages and tables, short and without secrets (ADR 12)."""

from __future__ import annotations

import json
import re
from typing import Any

from engram_discovery._text import comma_list, printable
from engram_discovery.defaults import MAX_SHOWN_LENGTH
from engram_discovery.settings.origins import Layer, Leaf

__all__ = ["HIDDEN", "display_text", "is_hidden", "mask_userinfo"]

#: Replaces a secret in every output.
HIDDEN = "****"

_USERINFO = re.compile(r"//[^/@\s]*@")


def is_hidden(leaf: Leaf, *, secret: bool) -> bool:
    """Return whether a value is redacted: its field is secret, or it is in the secrets file."""
    return secret or leaf.origin.layer is Layer.SECRETS


def mask_userinfo(text: str) -> str:
    """Hide the user and password of every URL in a text."""
    return _USERINFO.sub(f"//{HIDDEN}@", text)


def display_text(value: Any, *, max_length: int = MAX_SHOWN_LENGTH) -> str:
    """Format a value as JSON, cut to ``max_length`` characters, without the user and password of a URL."""
    if isinstance(value, list | tuple | set | frozenset):
        text = "[" + comma_list(display_text(item, max_length=max_length) for item in value) + "]"
    elif isinstance(value, str):
        text = json.dumps(mask_userinfo(value), ensure_ascii=not value.isprintable())
    elif isinstance(value, bool) or value is None:
        text = json.dumps(value)
    else:
        text = printable(mask_userinfo(str(value)))
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
