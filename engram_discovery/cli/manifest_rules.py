"""Rules for Kubernetes manifests: faults that keep pods from finding each other. Pure functions of parsed documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["ManifestFault", "Manifests", "lint"]

_WORKLOADS = frozenset({"StatefulSet", "Deployment", "DaemonSet"})
_PEER_DEPENDENT = ("/readyz", "/cluster/")
_DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class ManifestFault:
    """One fault of an object.

    Attributes:
        where: Kind and name of the object.
        message: The fault, its effect, and what to write instead.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class Manifests:
    """A set of Kubernetes objects.

    Args:
        documents: The parsed documents; documents that are not objects are skipped.
    """

    def __init__(self, documents: Sequence[Any]) -> None:
        self._objects: list[Mapping[str, Any]] = [d for d in documents if isinstance(d, dict) and "kind" in d]

    def of(self, *kinds: str) -> list[Mapping[str, Any]]:
        """Return the objects of these kinds."""
        return [thing for thing in self._objects if thing["kind"] in kinds]


def lint(manifests: Manifests, gossip_port: int) -> list[ManifestFault]:
    """Return every fault of the pods that use ``gossip_port``, in the order of the documents."""
    workloads = [w for w in manifests.of(*_WORKLOADS) if gossip_port in _container_ports(w)]
    if not workloads:
        return [
            ManifestFault("manifests", f"no workload has containerPort {gossip_port}; add it, or set --port")
        ]
    return [
        finding
        for workload in workloads
        for rule in (_services, _workload, _probes, _network_policies)
        for finding in rule(manifests, workload, gossip_port)
    ]


def _services(manifests: Manifests, workload: Mapping[str, Any], port: int) -> Iterator[ManifestFault]:
    labels = _labels(workload)
    services = [
        service
        for service in manifests.of("Service")
        if _get(service, "spec", "clusterIP") == "None"
        and _selects(_get(service, "spec", "selector"), labels)
    ]
    if not services:
        yield ManifestFault(
            _where(workload), "no headless Service (clusterIP: None) selects its pods; add one"
        )
    for service in services:
        if _get(service, "spec", "publishNotReadyAddresses") is not True:
            yield ManifestFault(
                _where(service),
                "pods that are not ready are not in DNS, and cannot become ready before they find each other; "
                "set publishNotReadyAddresses: true",
            )
        named = [p for p in _get(service, "spec", "ports") or [] if p.get("port") == port and p.get("name")]
        if not named:
            message = f"no named port {port}, so DNS has no SRV record for it; add one"
            yield ManifestFault(_where(service), message)


def _workload(manifests: Manifests, workload: Mapping[str, Any], port: int) -> Iterator[ManifestFault]:
    protocols = _container_ports(workload)[port]
    for missing in sorted({"TCP", "UDP"} - protocols):
        yield ManifestFault(
            _where(workload), f"no containerPort {port} for {missing}; gossip needs TCP and UDP"
        )
    if workload["kind"] != "StatefulSet":
        return
    names = {_get(service, "metadata", "name") for service in manifests.of("Service")}
    name = _get(workload, "spec", "serviceName")
    if name not in names:
        yield ManifestFault(
            _where(workload),
            f"serviceName {name!r} is not a Service here: pods get no names; set it to the headless Service",
        )
    if _get(workload, "spec", "podManagementPolicy") != "Parallel":
        yield ManifestFault(
            _where(workload),
            "pods start one after the other, each after the previous one is ready; "
            "set podManagementPolicy: Parallel",
        )


def _probes(manifests: Manifests, workload: Mapping[str, Any], port: int) -> Iterator[ManifestFault]:
    del manifests, port
    for container in _containers(workload):
        path = str(_get(container, "livenessProbe", "httpGet", "path") or "")
        if path.startswith(_PEER_DEPENDENT):
            yield ManifestFault(
                _where(workload),
                f"livenessProbe {path} depends on other pods: a lost peer restarts this pod; use /livez",
            )
        ready = str(_get(container, "readinessProbe", "httpGet", "path") or "")
        if ready == "/livez":
            yield ManifestFault(_where(workload), "readinessProbe /livez is always ready; use /readyz")


def _network_policies(
    manifests: Manifests, workload: Mapping[str, Any], port: int
) -> Iterator[ManifestFault]:
    policies = [
        policy
        for policy in manifests.of("NetworkPolicy")
        if _selects(_get(policy, "spec", "podSelector", "matchLabels") or {}, _labels(workload))
    ]
    for direction, wanted in (("ingress", {port}), ("egress", {port, _DNS_PORT})):
        restricting = [policy for policy in policies if _restricts(policy, direction)]
        if not restricting:
            continue
        rules = [rule for policy in restricting for rule in _get(policy, "spec", direction) or []]
        for number in sorted(wanted):
            for protocol in ("TCP", "UDP"):
                if not any(_opens(rule, number, protocol) for rule in rules):
                    message = f"{direction} of port {number}/{protocol} is not allowed; add it to a rule"
                    yield ManifestFault(_where(restricting[0]), message)


def _restricts(policy: Mapping[str, Any], direction: str) -> bool:
    types = _get(policy, "spec", "policyTypes")
    if types is None:
        return direction == "ingress" or _get(policy, "spec", "egress") is not None
    return direction.capitalize() in types


def _opens(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    if not ports:
        return True  # a rule without ports allows all of them
    return any(entry.get("protocol", "TCP") == protocol and _covers(entry, port) for entry in ports)


def _covers(entry: Mapping[str, Any], port: int) -> bool:
    first = entry.get("port")
    if not isinstance(first, int):
        return True  # all ports, or one by name, which the pod defines
    return bool(first <= port <= entry.get("endPort", first))


def _container_ports(workload: Mapping[str, Any]) -> dict[int, set[str]]:
    ports: dict[int, set[str]] = {}
    for container in _containers(workload):
        for entry in container.get("ports") or []:
            ports.setdefault(entry.get("containerPort"), set()).add(entry.get("protocol", "TCP"))
    return ports


def _containers(workload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _get(workload, "spec", "template", "spec", "containers") or []


def _labels(workload: Mapping[str, Any]) -> Mapping[str, str]:
    return _get(workload, "spec", "template", "metadata", "labels") or {}


def _selects(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    return selector is not None and selector.items() <= labels.items()


def _where(thing: Mapping[str, Any]) -> str:
    return f"{thing['kind']} {_get(thing, 'metadata', 'name')}"


def _get(thing: Any, *path: str) -> Any:
    """Return the value at a path of keys, None if the path ends before."""
    for key in path:
        if not isinstance(thing, dict):
            return None
        thing = thing.get(key)
    return thing
