"""A real Consul agent: in memory or with data on disk, with ACLs or TLS as its configuration says."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import httpx

from tests.servers.build import find
from tests.servers.process import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MANAGEMENT_TOKEN", "Consul", "acl_configuration", "cluster_of", "tls_configuration"]

#: The token that may do everything, where ``acl_configuration`` is in use.
MANAGEMENT_TOKEN = "11111111-2222-3333-4444-555555555555"


class Consul(ServerProcess):
    """One Consul server and agent on free loopback ports.

    Args:
        directory: Where configuration, log and data go.
        in_memory: ``-dev``: what it knows is gone when it ends. Else a server with a data directory.
        configuration: Further keys of Consul's configuration, merged over ours one level deep.
        client_tls: For the test's own requests, if the agent speaks only TLS.
        port: HTTP port; by default a free one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        in_memory: bool = True,
        configuration: Mapping[str, Any] | None = None,
        client_tls: ssl.SSLContext | None = None,
        port: int | None = None,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.serf_port = free_port()
        self._tls = client_tls
        file = directory / "consul.json"
        file.write_text(json.dumps(self._configuration(directory, in_memory, configuration or {})))
        command: list[str | Path] = [find("consul"), "agent", f"-config-file={file}"]
        super().__init__(
            [*command, "-dev"] if in_memory else command,
            log=directory / "consul.log",
            ready=self._has_leader,
            environment={"GOMAXPROCS": "2"},
        )

    @property
    def addr(self) -> str:
        """Address of its HTTP or HTTPS API."""
        return f"{self.host}:{self.port}"

    async def call(
        self, method: str, path: str, *, token: str | None = MANAGEMENT_TOKEN, **options: Any
    ) -> httpx.Response:
        """Ask it something, as an operator would; raises for a status of 400 and above."""
        scheme = "https" if self._tls else "http"
        async with httpx.AsyncClient(verify=self._tls or False, timeout=10, trust_env=False) as client:
            url = f"{scheme}://{self.addr}/v1/{path}"
            headers = {"X-Consul-Token": token} if token else {}
            response = await client.request(method, url, headers=headers, **options)
        response.raise_for_status()
        return response

    async def service(self, name: str = "engram") -> dict[str, dict[str, Any]]:
        """Return the entries of a service in the catalogue, by service id."""
        entries = (await self.call("GET", f"health/service/{name}")).json()
        return {entry["Service"]["ID"]: entry for entry in entries}

    async def add(self, service_id: str, *, port: int = 7946, name: str = "engram", **service: Any) -> None:
        """Register a peer that has no check, and so passes."""
        definition = {"ID": service_id, "Name": name, "Port": port, "Tags": ["engram"], **service}
        definition.setdefault("Address", "192.0.2.1")
        await self.call("PUT", "agent/service/register", json=definition)

    async def remove(self, service_id: str) -> None:
        """Remove a service from the agent."""
        await self.call("PUT", f"agent/service/deregister/{service_id}")

    async def make_token(self, rules: str) -> tuple[str, str]:
        """Make an ACL token with these rules; return its accessor id and the secret."""
        name = f"policy-{free_port()}"
        await self.call("PUT", "acl/policy", json={"Name": name, "Rules": rules})
        token = (await self.call("PUT", "acl/token", json={"Policies": [{"Name": name}]})).json()
        return token["AccessorID"], token["SecretID"]

    async def _has_leader(self) -> bool:
        try:
            leader = (await self.call("GET", "status/leader")).json()
            nodes = (await self.call("GET", "catalog/nodes")).json()
        except httpx.HTTPError:
            return False
        return bool(leader) and bool(nodes)

    def _configuration(self, directory: Path, in_memory: bool, further: Mapping[str, Any]) -> dict[str, Any]:
        ports = {
            "http": -1 if self._tls else self.port,
            "https": self.port if self._tls else -1,
            "dns": -1,
            "grpc": -1,
            "grpc_tls": -1,
            "server": free_port(),
            "serf_lan": self.serf_port,
            "serf_wan": -1,
        }
        ours: dict[str, Any] = {
            "node_name": f"agent-{self.port}",
            "bind_addr": self.host,
            "client_addr": self.host,
            "ports": ports,
            "log_level": "warn",
            "disable_update_check": True,
            "connect": {"enabled": False},
            "performance": {"raft_multiplier": 1},
        }
        if not in_memory:
            ours |= {"server": True, "bootstrap_expect": 1, "data_dir": str(directory / "data")}
        return {**ours, **further}


def cluster_of(directory: Path, count: int) -> list[Consul]:
    """Make servers that form one cluster with a quorum; start them together."""
    servers: list[Consul] = []
    for number in range(count):
        first = [f"127.0.0.1:{servers[0].serf_port}"] if servers else []
        form = {"bootstrap_expect": count, "retry_join": first, "retry_interval": "1s"}
        servers.append(Consul(directory / f"server-{number}", in_memory=False, configuration=form))
    return servers


def acl_configuration() -> dict[str, Any]:
    """Configure ACLs that deny everything which a token does not allow."""
    tokens = {"initial_management": MANAGEMENT_TOKEN, "agent": MANAGEMENT_TOKEN}
    return {"acl": {"enabled": True, "default_policy": "deny", "tokens": tokens}}


def tls_configuration(ca: Path, certificate: Path, key: Path) -> dict[str, Any]:
    """Configure TLS that asks clients for a certificate of the same authority."""
    files = {"ca_file": str(ca), "cert_file": str(certificate), "key_file": str(key)}
    return {"tls": {"defaults": {**files, "verify_incoming": True}, "https": files}}
