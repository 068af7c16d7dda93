"""The status page: one HTML document that loads nothing and runs no script but its own (ADR 82).

Names come from the network and may hold anything. The script inserts them as text only; the content security policy is
a second guard: the hash of the script is the only one allowed, and Trusted Types refuse markup.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["StatusPage", "load_page"]


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The document, and the headers to send with it."""

    html: str
    headers: Mapping[str, str]


def load_page() -> StatusPage:
    """Compose the page from its three files. Reads them from disk: call once."""
    parts = files("engram_discovery.http") / "page"
    markup, style, script = (
        (parts / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    return StatusPage(markup.replace("{{style}}", style).replace("{{script}}", script), headers)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
