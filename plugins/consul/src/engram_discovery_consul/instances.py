"""Entries of Consul's health API, read with care: what cannot be an address is skipped and counted."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic_core import SchemaValidator, core_schema

from engram_discovery.provider import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Instance", "InstanceReader", "newest_of_each_node"]

_PASSING = "passing"
_service_id = attrgetter("service_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One registered instance of the service.

    Attributes:
        service_id: Its id, unique at its agent.
        endpoint: Where it may be reached.
        generation: The run of its node; 0 if the record has none.
        cluster: Its cluster; empty if the record has none.
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
        """The node's id, if the record has it."""
        return self.endpoint.node_id


class InstanceReader:
    """Reads bodies of ``/v1/health/service/…``.

    The JSON decoder knows the fields in use: the others, nine tenths of an answer, never become Python objects.

    Args:
        source: Name of the provider.
        tagged_address: The tagged address to use where an entry has it.
    """

    def __init__(self, *, source: str, tagged_address: str | None = None) -> None:
        self._source = source
        self._tagged_address = tagged_address
        self._read: dict[str, tuple[Any, Instance]] = {}
        self._parser = SchemaValidator(_entries(tagged=tagged_address is not None))

    def read(self, body: bytes) -> tuple[list[Instance], int]:
        """Return the instances, sorted by id, and how many entries had no usable address.

        Raises:
            ValueError: It is not a JSON list.
        """
        instances, read, bad = [], {}, 0
        for entry in self._parser.validate_json(body):
            try:
                service_id = entry["Service"]["ID"]
                before, instance = self._read.get(service_id, (None, None))
                if instance is None or before != entry:
                    instance = self._instance(entry)
            except (ValueError, TypeError):
                bad += 1
            else:
                instances.append(instance)
                read[service_id] = entry, instance
        self._read = read
        instances.sort(key=_service_id)
        return instances, bad

    def _instance(self, entry: Mapping[str, Any]) -> Instance:
        service = entry["Service"]
        meta = service.get("Meta") or {}
        host, port = self._address(service, entry["Node"])
        checks = entry.get("Checks") or ()
        failing = [f"{check['Name']}: {check['Status']}" for check in checks if check["Status"] != _PASSING]
        endpoint = Endpoint(
            host,
            port,
            node_id=meta.get("node_id") or None,
            tags=tuple(service.get("Tags") or ()),
            meta=MappingProxyType(meta),
            source=self._source,
        )
        return Instance(
            service_id=service["ID"],
            endpoint=endpoint,
            generation=_number(meta.get("generation", "")),
            cluster=meta.get("cluster", ""),
            passing=not failing,
            failing=tuple(failing),
        )

    def _address(self, service: Mapping[str, Any], node: Mapping[str, Any]) -> tuple[str, int]:
        """Prefer the tagged address, then the service's own, then that of its agent's machine."""
        port = service["Port"]
        if self._tagged_address is not None:
            tagged = (service.get("TaggedAddresses") or {}).get(self._tagged_address)
            if tagged:
                return _bare(tagged["Address"]), tagged["Port"] or port
            if not service.get("Address"):
                of_node = (node.get("TaggedAddresses") or {}).get(self._tagged_address)
                if of_node:
                    return _bare(of_node), port
        return _bare(service.get("Address") or node["Address"]), port


def _entries(*, tagged: bool) -> core_schema.CoreSchema:
    """Describe an answer: an entry that is not so becomes None."""
    text, number = core_schema.str_schema(), core_schema.int_schema(strict=True)
    table = core_schema.dict_schema(text, text)
    address = _table({"Address": text, "Port": number})
    service = {"ID": text, "Port": number}
    service_options = {"Address": text, "Tags": core_schema.list_schema(text), "Meta": table}
    node_options = {}
    if tagged:
        service_options["TaggedAddresses"] = core_schema.dict_schema(text, address)
        node_options["TaggedAddresses"] = table
    entry = _table(
        {"Node": _table({"Address": text}, node_options), "Service": _table(service, service_options)},
        {"Checks": core_schema.list_schema(_table({"Name": text, "Status": text}))},
    )
    return core_schema.list_schema(core_schema.with_default_schema(entry, default=None, on_error="default"))


def _table(
    fields: Mapping[str, core_schema.CoreSchema], options: Mapping[str, core_schema.CoreSchema] | None = None
) -> core_schema.CoreSchema:
    """Describe a JSON object: fields that it must have, and such as may be missing or null."""
    return core_schema.typed_dict_schema(
        {
            **{name: core_schema.typed_dict_field(value) for name, value in fields.items()},
            **{
                name: core_schema.typed_dict_field(core_schema.nullable_schema(value), required=False)
                for name, value in (options or {}).items()
            },
        }
    )


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
