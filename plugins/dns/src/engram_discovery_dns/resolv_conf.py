"""The machine's resolver configuration, read again when its file changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from engram_discovery.address import Address
from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery_dns.nameserver import StrictNameserver

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ResolverConfiguration", "search_variants"]

_LONGEST_TRY = 1.0
_EDNS_PAYLOAD = 1232  # what passes every network unfragmented: DNS flag day 2020


class ResolverConfiguration:
    """Makes resolvers as the machine's configuration has them: name servers, search list, ndots.

    Args:
        nameservers: Servers to ask instead of those of the file. The search list still comes from the file.
        path: The file, in the format of resolv.conf(5).
    """

    def __init__(self, nameservers: Sequence[Address] = (), path: Path = Path("/etc/resolv.conf")) -> None:
        self._nameservers = tuple(nameservers)
        self._path = path
        self._signature: tuple[int, int, int] | None = None
        self._resolver: dns.asyncresolver.Resolver | None = None

    def resolver(self) -> dns.asyncresolver.Resolver:
        """Return the resolver for the file as it is now. Reads a small local file if that has changed.

        Raises:
            DiscoveryError: The file cannot be used and no name servers are set.
        """
        signature = self._look()
        if self._resolver is None or signature != self._signature:
            self._resolver, self._signature = self._read(), signature
        return self._resolver

    def _look(self) -> tuple[int, int, int] | None:
        try:
            facts = self._path.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size, facts.st_ino

    def _read(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        try:
            resolver.read_resolv_conf(self._path)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            if not self._nameservers:
                raise DiscoveryError(
                    f"{self._path}: no usable name server ({error}); set cluster.dns.nameservers",
                    kind=FailureKind.CONFIG,
                ) from error
        servers = self._nameservers or tuple(Address(str(server), 53) for server in resolver.nameservers)
        resolver.nameservers = [StrictNameserver(host, port) for host, port in servers]
        resolver.timeout = min(resolver.timeout, _LONGEST_TRY)
        resolver.use_edns(0, 0, _EDNS_PAYLOAD)
        return resolver


def search_variants(resolver: dns.resolver.BaseResolver, name: str) -> list[dns.name.Name]:
    """Return the absolute names to try for ``name``, in the order that resolv.conf(5) gives them."""
    parsed = dns.name.from_text(name, None)
    if parsed.is_absolute():
        return [parsed]
    suffixes = resolver.search or [resolver.domain]
    searched = [parsed.concatenate(suffix) for suffix in suffixes if suffix != dns.name.root]
    absolute = parsed.concatenate(dns.name.root)
    ndots = 1 if resolver.ndots is None else resolver.ndots
    return [absolute, *searched] if len(parsed) > ndots else [*searched, absolute]
