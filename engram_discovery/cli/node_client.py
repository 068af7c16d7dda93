"""The HTTP client of the commands that read a running node."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from engram_discovery.errors import EngramDiscoveryError

__all__ = ["NodeUnreachableError", "fetch"]

_TIMEOUT = 5.0
_MOST_BYTES = 8 * 1024 * 1024


class NodeUnreachableError(EngramDiscoveryError):
    """The node does not answer, or the response is not that of a node."""


def fetch(url: str, path: str) -> Any:
    """Return the JSON body of a path; 503 is a response like any other.

    Raises:
        NodeUnreachableError: There is no usable answer within 5 s.
    """
    if "://" not in url:
        url = f"http://{url}"
    address = urllib.parse.urljoin(url.rstrip("/") + "/", path.lstrip("/"))
    if not address.startswith(("http://", "https://")):
        raise NodeUnreachableError(f"expected a URL such as http://127.0.0.1:50051, got {url!r}")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as response:  # noqa: S310  checked above
            body = response.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise NodeUnreachableError(
                f"{address} answered {error.code}: is this a node's API address?"
            ) from error
        body = error.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        remedy = "is the node running, and is this its network.api_bind?"
        raise NodeUnreachableError(f"cannot reach {address}: {reason}; {remedy}") from error
    try:
        return json.loads(body)
    except ValueError as error:
        raise NodeUnreachableError(
            f"{address} did not respond with JSON: is this a node's API address?"
        ) from error
