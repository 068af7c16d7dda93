"""Where the endpoints are. Each address behind a name is a member of its own, that may fail while the others serve."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from engram_discovery.provider import ResolutionError, parse_address, resolve
from engram_discovery_etcd.failures import EtcdError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.provider import Address

__all__ = ["Target", "Targets"]


class Target(NamedTuple):
    """One address behind an endpoint of the settings."""

    endpoint: Address
    address: Address

    @property
    def name(self) -> str | None:
        """The endpoint's host if it is a name; None if it is the address itself."""
        return None if self.endpoint == self.address else self.endpoint.host

    def __str__(self) -> str:
        return f"{self.endpoint} at {self.address.host}" if self.name else str(self.endpoint)


class Targets:
    """The addresses behind all endpoints, in the order in which to try them.

    Args:
        endpoints: ``host:port``.
    """

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._endpoints = tuple(map(parse_address, endpoints))
        self._order: list[Target] = []

    def __len__(self) -> int:
        """Return their number at the last resolution."""
        return len(self._order)

    def __str__(self) -> str:
        return ", ".join(map(str, self._order or self._endpoints))

    async def look_up(self, timeout: float) -> tuple[list[Target], dict[str, EtcdError]]:
        """Resolve all names; return the targets, and why the other endpoints have no address.

        A name that cannot be resolved keeps its last addresses.

        Args:
            timeout: Seconds; a name that takes longer counts as failed.
        """
        outcomes = await asyncio.gather(*(_behind(endpoint, timeout) for endpoint in self._endpoints))
        found: list[Target] = []
        failures: dict[str, EtcdError] = {}
        for endpoint, outcome in zip(self._endpoints, outcomes, strict=True):
            if not isinstance(outcome, EtcdError):
                found += outcome
            elif kept := [target for target in self._order if target.endpoint == endpoint]:
                found += kept
            else:
                failures[str(endpoint)] = outcome
        stay = [target for target in self._order if target in found]
        self._order = stay + [target for target in found if target not in stay]
        return list(self._order), failures

    def prefer(self, target: Target) -> None:
        """Start with this one, and go on with those after it, the next time."""
        index = self._order.index(target)
        self._order = self._order[index:] + self._order[:index]

    def put_last(self, target: Target) -> None:
        """Try all others before this one."""
        if target in self._order:
            self._order.remove(target)
            self._order.append(target)


async def _behind(endpoint: Address, timeout: float) -> list[Target] | EtcdError:
    try:
        addresses = await resolve(endpoint.host, endpoint.port, timeout=timeout)
    except ResolutionError as error:
        reason = str(error).removeprefix(f"{endpoint.host}: ")
        return EtcdError(f"its name cannot be resolved: {reason}", error.kind, elsewhere=True)
    return [Target(endpoint, address) for address in addresses]
