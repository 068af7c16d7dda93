"""The HTTP client of the commands that read a running node."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from engram_discovery._text import error_text
from engram_discovery.defaults import MAX_NODE_BODY_SIZE, NODE_REQUEST_TIMEOUT
from engram_discovery.errors import EngramDiscoveryError

__all__ = ["NodeUnreachableError", "fetch"]


class NodeUnreachableError(EngramDiscoveryError):
    """The node does not answer, or the response is not that of a node."""


def fetch(url: str, path: str) -> Any:
    """Return the JSON body of a path; 503 is a response like any other.

    Raises:
        NodeUnreachableError: No usable response within 5 s.
    """
    if "://" not in url:
        url = f"http://{url}"
    address = urllib.parse.urljoin(url.rstrip("/") + "/", path.lstrip("/"))
    if not address.startswith(("http://", "https://")):
        raise NodeUnreachableError(f"expected a URL such as http://127.0.0.1:50051, got {url!r}")
    try:
        with urllib.request.urlopen(address, timeout=NODE_REQUEST_TIMEOUT) as response:  # noqa: S310  checked above
            body = response.read(MAX_NODE_BODY_SIZE)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise NodeUnreachableError(
                f"{address} responded with status {error.code}: is this a node's API address?"
            ) from error
        body = error.read(MAX_NODE_BODY_SIZE)
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)  # urllib wraps the error of the socket
        text = error_text(cause) if isinstance(cause, BaseException) else cause
        remedy = "is the node running, and is this its network.api_bind?"
        raise NodeUnreachableError(f"cannot reach {address}: {text}; {remedy}") from error
    try:
        return json.loads(body)
    except ValueError as error:
        raise NodeUnreachableError(
            f"{address} did not respond with JSON: is this a node's API address?"
        ) from error
