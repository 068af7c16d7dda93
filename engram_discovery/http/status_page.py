"""The status page: one HTML document that loads nothing and runs no script but its own (ADR 82).

Names come from the network and may hold anything. The scripts insert them as text only; the content security policy is
a second guard: only scripts with the hashes of these files run, and Trusted Types refuse markup.
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

#: In the order in which the browser runs them; each uses those before it.
_SCRIPTS = ("text.js", "members.js", "sections.js", "live.js")


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The document, and the headers to send with it."""

    html: str
    headers: Mapping[str, str]


def load_page() -> StatusPage:
    """Compose the page from the files in ``page/``. Reads them from disk: call once."""
    folder = files("engram_discovery.http") / "page"
    markup, style, *scripts = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", *_SCRIPTS)
    )
    hashes = " ".join(f"'{_hash(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src {hashes}; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    tags = "\n".join(f"<script>{script}</script>" for script in scripts)
    return StatusPage(markup.replace("{{style}}", style).replace("{{scripts}}", tags), headers)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
