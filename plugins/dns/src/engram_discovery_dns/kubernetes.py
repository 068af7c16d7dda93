"""Detect the deadlock of Kubernetes readiness and DNS from DNS answers.

A headless Service lists only pods that are ready. Pods that become ready only after they have found each
other never appear in it, and so never find each other, unless it sets ``publishNotReadyAddresses: true``.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from engram_discovery.provider import Empty

if TYPE_CHECKING:
    from engram_discovery.provider import Found

__all__ = ["readiness_hint"]

_REMEDY = "set publishNotReadyAddresses: true on the Kubernetes Service if pods are there but not ready yet"


def readiness_hint(name: str, answer: Found | Empty) -> str:
    """Return the remedy if a cluster-local name lists no address but this host's; else an empty string."""
    if not is_cluster_local(name):
        return ""
    if isinstance(answer, Empty):
        return f"{name} has no addresses: {_REMEDY}"
    if all(_is_of_this_host(endpoint.host) for endpoint in answer.endpoints):
        return f"{name} lists only this node: {_REMEDY}"
    return ""


def is_cluster_local(name: str) -> bool:
    """Return whether a name is that of a Kubernetes Service: ``<service>.<namespace>.svc[.<cluster domain>]``."""
    return "svc" in name.rstrip(".").split(".")[2:]


def _is_of_this_host(host: str) -> bool:
    """Return whether a socket can be bound to an address; sends no packet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
