"""The deadlock of Kubernetes readiness and DNS, recognised from what DNS answers.

A headless Service lists only pods that are ready. Pods that become ready only after they have found each
other never appear in it, and so never find each other, unless it says ``publishNotReadyAddresses: true``.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from engram_discovery.types import Empty

if TYPE_CHECKING:
    from engram_discovery.types import Found

__all__ = ["readiness_hint"]

_REMEDY = "set publishNotReadyAddresses: true on the Kubernetes Service if pods are there but not ready yet"


def readiness_hint(name: str, answer: Found | Empty) -> str:
    """Return advice if a cluster-local name lists nobody, or nobody but this host; else an empty string."""
    if not is_cluster_local(name):
        return ""
    if isinstance(answer, Empty):
        return f"{name} lists nobody: {_REMEDY}"
    if all(_is_of_this_host(endpoint.host) for endpoint in answer.endpoints):
        return f"{name} lists nobody but this node: {_REMEDY}"
    return ""


def is_cluster_local(name: str) -> bool:
    """Tell whether a name is a Kubernetes Service's: ``<service>.<namespace>.svc[.<cluster domain>]``."""
    return "svc" in name.rstrip(".").split(".")[2:]


def _is_of_this_host(host: str) -> bool:
    """Tell whether a socket could be bound to an address; sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
