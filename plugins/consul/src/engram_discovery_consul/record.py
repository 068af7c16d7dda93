"""The record that is registered at Consul: service, meta and check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engram_discovery.provider import format_address

if TYPE_CHECKING:
    from engram_discovery.provider import NodeIdentity, NodeRecord
    from engram_discovery_consul.settings import ConsulSettings

__all__ = ["check_id", "definition", "service_id"]

_TAG = "engram"
_LONGEST_VALUE = 512


def service_id(settings: ConsulSettings, identity: NodeIdentity) -> str:
    """Return the id of a node's record, the same for every run of the node."""
    return f"{settings.service_name}-{identity.node_id}"


def check_id(settings: ConsulSettings, identity: NodeIdentity) -> str:
    """Return the id of the record's check."""
    return f"service:{service_id(settings, identity)}"


def definition(settings: ConsulSettings, node: NodeRecord) -> dict[str, Any]:
    """Return the arguments of py-consul's ``agent.service.register``."""
    return {
        "name": settings.service_name,
        "service_id": service_id(settings, node.identity),
        "address": node.addr.host,
        "port": node.addr.port,
        "tags": list(dict.fromkeys([_TAG, *([settings.tag] if settings.tag else [])])),
        "meta": _meta(node),
        "check": _check(settings, node),
    }


def _meta(node: NodeRecord) -> dict[str, str]:
    further = {key: value for key, value in node.meta.items() if len(value) <= _LONGEST_VALUE}
    return {
        **further,
        "node_id": node.identity.node_id,
        "generation": str(node.identity.generation),
        "cluster": node.identity.cluster,
        "api_port": str(node.api_addr.port),
        "version": node.version,
    }


def _check(settings: ConsulSettings, node: NodeRecord) -> dict[str, Any]:
    """Describe the check; an HTTP check follows no redirect, whose target could be any host.

    A TTL check starts as passing: without that word it is critical until the first report.
    """
    if settings.check == "ttl":
        kind: dict[str, Any] = {"TTL": _go(settings.ttl), "Status": "passing"}
    else:
        kind = {
            "HTTP": f"http://{format_address(node.api_addr)}/health",
            "Interval": _go(settings.check_interval),
            "Timeout": _go(settings.check_timeout),
            "DisableRedirects": True,
        }
    return {
        "CheckID": check_id(settings, node.identity),
        "Name": f"{settings.service_name} {settings.check}",
        "DeregisterCriticalServiceAfter": _go(settings.deregister_after),
        **kind,
    }


def _go(seconds: float) -> str:
    """Write a duration as Go reads it."""
    return f"{round(seconds * 1000)}ms"
