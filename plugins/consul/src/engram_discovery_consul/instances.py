"""Entries of Consul's health API, read with care: what cannot be an address is skipped and counted."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engram_discovery.types import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Instance", "newest_of_each_node", "read_instances"]

_PASSING = "passing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One registered instance of the service.

    Attributes:
        service_id: Its id, unique at its agent.
        endpoint: Where it may be reached.
        generation: Which run of its node, 0 if the record does not say.
        cluster: Its cluster, empty if the record does not say.
        passing: Whether all its checks pass, those of the agent's machine included.
        failing: Each check that does not pass, as ``name: status``.
    """

    service_id: str
    endpoint: Endpoint
    generation: int
    cluster: str
    passing: bool
    failing: tuple[str, ...]

    @property
    def node_id(self) -> str | None:
        """The node's id, if the record says it."""
        return self.endpoint.node_id


def read_instances(
    entries: Any, *, source: str, tagged_address: str | None = None
) -> tuple[list[Instance], int]:
    """Read the body of ``/v1/health/service/…``.

    Args:
        entries: The decoded JSON.
        source: Name of the provider.
        tagged_address: The tagged address to use where an entry has it.

    Returns:
        The instances, sorted by id, and how many entries had no usable address.

    Raises:
        TypeError: It is not a list.
    """
    if not isinstance(entries, list):
        raise TypeError("expected a list of entries")
    instances, bad = [], 0
    for entry in entries:
        try:
            instances.append(_read(entry, source, tagged_address))
        except (ValueError, TypeError, LookupError, AttributeError):
            bad += 1
    return sorted(instances, key=lambda instance: instance.service_id), bad


def _read(entry: Mapping[str, Any], source: str, tagged_address: str | None) -> Instance:
    service = entry["Service"]
    meta = {str(key): str(value) for key, value in (service.get("Meta") or {}).items()}
    host, port = _address(entry, tagged_address)
    checks = list(entry.get("Checks") or ())
    failing = tuple(f"{check['Name']}: {check['Status']}" for check in checks if check["Status"] != _PASSING)
    endpoint = Endpoint(
        host,
        port,
        node_id=meta.get("node_id") or None,
        tags=tuple(map(str, service.get("Tags") or ())),
        meta=MappingProxyType(meta),
        source=source,
    )
    return Instance(
        service_id=str(service["ID"]),
        endpoint=endpoint,
        generation=_number(meta.get("generation", "")),
        cluster=meta.get("cluster", ""),
        passing=not failing,
        failing=failing,
    )


def _address(entry: Mapping[str, Any], tagged_address: str | None) -> tuple[str, int]:
    """Prefer the tagged address, then the service's own, then that of its agent's machine."""
    service, node = entry["Service"], entry["Node"]
    port = service["Port"]
    if tagged_address is not None:
        tagged = (service.get("TaggedAddresses") or {}).get(tagged_address)
        if tagged:
            return _bare(tagged["Address"]), tagged["Port"] or port
        if not service.get("Address"):
            of_node = (node.get("TaggedAddresses") or {}).get(tagged_address)
            if of_node:
                return _bare(of_node), port
    return _bare(service.get("Address") or node["Address"]), port


def _bare(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def newest_of_each_node(instances: Iterable[Instance]) -> list[Instance]:
    """Keep of several records of one node, left behind at other agents, those of its latest run."""
    latest: dict[str, int] = {}
    kept = list(instances)
    for instance in kept:
        if instance.node_id is not None:
            latest[instance.node_id] = max(instance.generation, latest.get(instance.node_id, 0))
    return [one for one in kept if one.node_id is None or one.generation == latest[one.node_id]]
