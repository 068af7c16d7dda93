"""The machine's resolver configuration, read again when its file changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.resolver

from engram_discovery.provider import Address, DiscoveryError, FailureKind
from engram_discovery_dns.wire import from_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ResolvConf", "ResolverConfiguration"]

MAX_ATTEMPT_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class ResolverConfiguration:
    """Name servers and search list; see resolv.conf(5).

    Attributes:
        nameservers: Addresses of the servers, in order.
        search: Domains that complete a name, without trailing dot.
        ndots: A name with fewer dots is completed before it is tried as it stands.
        timeout: Seconds for one query to one server.
    """

    nameservers: tuple[Address, ...]
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: float = MAX_ATTEMPT_TIMEOUT

    def variants(self, name: str) -> list[bytes]:
        """Return the names to try for ``name``, in order, in wire form; only itself if it ends with a dot."""
        absolute = from_text(name)
        if name.endswith("."):
            return [absolute]
        searched = [from_text(f"{name}.{domain}") for domain in self.search]
        variants = [absolute, *searched] if name.count(".") >= self.ndots else [*searched, absolute]
        return [variant for variant in variants if len(variant) <= 255]


class ResolvConf:
    """Provides the current content of the file.

    Args:
        nameservers: Servers to query instead of those of the file. The search list still comes from the file.
        path: The file.
    """

    def __init__(self, nameservers: Sequence[Address] = (), path: Path = Path("/etc/resolv.conf")) -> None:
        self._nameservers = tuple(nameservers)
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._current: ResolverConfiguration | None = None

    def current(self) -> ResolverConfiguration:
        """Return the configuration; reads the file again if it has changed (a small local file).

        Raises:
            DiscoveryError: The file cannot be used and no name servers are set.
        """
        signature = self._file_signature()
        if self._current is None or signature != self._seen:
            self._current, self._seen = self._read(), signature
        return self._current

    def _file_signature(self) -> tuple[int, int, int] | None:
        try:
            facts = self._path.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size, facts.st_ino

    def _read(self) -> ResolverConfiguration:
        parsed = dns.resolver.Resolver(configure=False)
        try:
            parsed.read_resolv_conf(str(self._path))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            if not self._nameservers:
                raise DiscoveryError(
                    f"{self._path}: no usable name server ({error}); set cluster.dns.nameservers",
                    kind=FailureKind.CONFIG,
                ) from error
        domains = parsed.search or [parsed.domain]
        return ResolverConfiguration(
            self._nameservers or tuple(Address(str(server), 53) for server in parsed.nameservers),
            search=tuple(d.to_text(omit_final_dot=True) for d in domains if d != dns.name.root),
            ndots=1 if parsed.ndots is None else parsed.ndots,
            timeout=min(parsed.timeout, MAX_ATTEMPT_TIMEOUT),
        )
