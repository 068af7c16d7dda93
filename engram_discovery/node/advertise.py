"""Choose the advertise address, and recognise the addresses of this node.

A wildcard is never advertised: a registry refuses it, and a peer would connect to itself.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engram_discovery.defaults import ADVERTISE_RESOLVE_TIMEOUT
from engram_discovery.errors import Problem, ResolutionError, SettingsError
from engram_discovery.network.address import Address, is_loopback, is_wildcard, parse_address
from engram_discovery.network.resolver import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engram_discovery.types import Endpoint

__all__ = [
    "InterfaceAddress",
    "SelfFilter",
    "choose_advertise",
    "interface_addresses",
    "needs_seeds",
    "resolve_advertise",
]


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of this machine and the interface that has it."""

    host: str
    interface: str


def interface_addresses() -> tuple[InterfaceAddress, ...]:
    """List the addresses of this machine, link-local IPv6 with its zone, in the system's order."""
    import ifaddr  # 30 ms (ctypes) that only a node pays

    found = []
    for adapter in ifaddr.get_adapters():
        for address in adapter.ips:
            if isinstance(address.ip, str):
                found.append(InterfaceAddress(address.ip, address.nice_name))
            else:
                host, _, scope = address.ip
                zone = f"%{address.nice_name}" if scope and ipaddress.ip_address(host).is_link_local else ""
                found.append(InterfaceAddress(host + zone, address.nice_name))
    return tuple(found)


def needs_seeds(advertise: str, bind: Address, interfaces: Sequence[InterfaceAddress]) -> bool:
    """Return whether the route to the seeds must decide, because the machine has several candidates."""
    return advertise == "auto" and is_wildcard(bind.host) and len(_candidates(bind, interfaces)) > 1


def choose_advertise(
    advertise: str,
    bind: Address,
    interfaces: Sequence[InterfaceAddress],
    seeds: Iterable[Endpoint] = (),
) -> Address:
    """Choose the advertise address.

    The first that applies: the setting (an address, or ``iface:NAME``); a specific bind address; the only candidate
    among this machine's addresses; the source address of the route to a seed.

    Args:
        advertise: The setting ``cluster.advertise``.
        bind: The gossip address that is bound.
        interfaces: This machine's addresses.
        seeds: Endpoints already discovered; only IP addresses count.

    Raises:
        SettingsError: The interface does not exist, or several candidates remain; the message lists them.
    """
    if advertise.startswith("iface:"):
        return Address(_of_interface(advertise.removeprefix("iface:"), bind, interfaces), bind.port)
    if advertise != "auto":
        return parse_address(advertise, default_port=bind.port, allow_port_zero=True)
    if not is_wildcard(bind.host):
        return bind
    candidates = _candidates(bind, interfaces)
    if len(candidates) == 1:
        return Address(candidates[0].host, bind.port)
    routed = _route_to(seeds)
    if routed is not None:
        return Address(routed, bind.port)
    if not candidates:
        return Address("127.0.0.1", bind.port)
    raise _undecided(candidates)


async def resolve_advertise(address: Address) -> Address:
    """Resolve a host name to the IP address that gossip needs, within 2 s.

    Raises:
        SettingsError: The name has no address.
    """
    try:
        return (await resolve(address.host, address.port or 1, timeout=ADVERTISE_RESOLVE_TIMEOUT))[
            0
        ]._replace(port=address.port)
    except ResolutionError as error:
        remedy = 'write an IP address, "iface:NAME", or a name that this machine can resolve'
        raise SettingsError([Problem("cluster.advertise", str(error), remedy=remedy)]) from error


class SelfFilter:
    """Recognises endpoints that are this node, so that a self-contact never counts as a join.

    Args:
        bind: The gossip address that is bound.
        advertise: The gossip address that others use.
        interfaces: This machine's addresses.
    """

    def __init__(self, bind: Address, advertise: Address, interfaces: Sequence[InterfaceAddress]) -> None:
        self._port = advertise.port
        self._bind_port = bind.port or advertise.port
        self._every_address = is_wildcard(bind.host)
        self._bound = {bind.host} if not self._every_address else {i.host for i in interfaces}
        self._advertised = advertise.host

    def __call__(self, endpoint: Endpoint) -> bool:
        """Return whether an endpoint is this node."""
        if endpoint.host == self._advertised and endpoint.port == self._port:
            return True
        if endpoint.port != self._bind_port:
            return False
        return endpoint.host in self._bound or (self._every_address and is_loopback(endpoint.host))


def _candidates(bind: Address, interfaces: Sequence[InterfaceAddress]) -> list[InterfaceAddress]:
    """List the addresses a wildcard bind is reachable at: IPv4 if there is any, else global IPv6; never loopback."""
    remote = [i for i in interfaces if not is_loopback(i.host)]
    v4 = [i for i in remote if ":" not in i.host and not ipaddress.ip_address(i.host).is_link_local]
    v6 = [i for i in remote if ":" in i.host and "%" not in i.host]
    return v4 if v4 and bind.host != "::" else v6 or v4


def _of_interface(name: str, bind: Address, interfaces: Sequence[InterfaceAddress]) -> str:
    own = [i for i in interfaces if i.interface == name]
    if not own:
        names = ", ".join(sorted({i.interface for i in interfaces}))
        found = f'no interface "{name}" with an address'
        raise SettingsError([Problem("cluster.advertise", found, remedy=f"this machine has: {names}")])
    chosen = _candidates(bind, own) or own
    return chosen[0].host


def _route_to(seeds: Iterable[Endpoint]) -> str | None:
    """Ask the system from which address it would reach a seed; a UDP connect sends nothing."""
    seeds = list(seeds)
    remote = [seed for seed in seeds if not is_loopback(seed.host)]
    for seed in remote or seeds:
        family = socket.AF_INET6 if ":" in seed.host else socket.AF_INET
        try:
            ipaddress.ip_address(seed.host.partition("%")[0])
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((seed.host, seed.port))
                return str(probe.getsockname()[0])
        except (OSError, ValueError):
            continue
    return None


def _undecided(candidates: Sequence[InterfaceAddress]) -> SettingsError:
    listed = ", ".join(f"{c.host} ({c.interface})" for c in candidates)
    example = candidates[0].interface
    return SettingsError(
        [
            Problem(
                "cluster.advertise",
                f"this machine has several addresses and none of them leads to a seed: {listed}",
                origin="default",
                remedy=f'write advertise = "{candidates[0].host}" or advertise = "iface:{example}" in [cluster]',
            )
        ]
    )
