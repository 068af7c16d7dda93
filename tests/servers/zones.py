"""Zone files for the DNS servers of the tests, and the question whether a server serves them yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.message

from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from engram_discovery.network.address import Address

__all__ = ["ZoneFiles", "ask"]


class ZoneFiles:
    """Zones in master files, with a serial that rises with every change.

    Args:
        directory: Where the files go.
        zones: Lines of each zone in master file syntax, without SOA and NS, as in
            ``{"engram.test": ["n1 A 127.0.0.1"]}``. Names are relative to the zone; the TTL is 5 s, as in
            Kubernetes, unless a ``$TTL`` line comes first.
    """

    def __init__(self, directory: Path, zones: Mapping[str, Iterable[str]]) -> None:
        self._directory = directory
        self._serials: dict[str, int] = {}
        for zone, records in zones.items():
            self.write(zone, records)

    def __iter__(self) -> Iterator[str]:
        return iter(self._serials)

    def file(self, zone: str) -> Path:
        """Return the file of a zone."""
        return self._directory / f"{zone}.zone"

    def write(self, zone: str, records: Iterable[str]) -> None:
        """Replace the records of a zone; the server finds the old file or the new one, never a half."""
        serial = self._serials[zone] = self._serials.get(zone, 0) + 1
        lines = [
            f"$ORIGIN {zone}.",
            "$TTL 5",
            f"@ SOA ns hostmaster {serial} 60 60 60 5",
            "@ NS ns",
            "ns A 127.0.0.1",
            *records,
        ]
        scratch = self._directory / f"{zone}.zone.new"
        scratch.write_text("\n".join(lines) + "\n")
        scratch.rename(self.file(zone))

    async def wait_served(self, zone: str, server: Address) -> None:
        """Wait until the server answers with the zone as it was last written.

        Raises:
            TimeoutError: It does not.
        """
        serial = self._serials[zone]

        async def served() -> bool:
            answer = await ask(server, zone, "SOA")
            return answer is not None and any(f" {serial} " in rrset.to_text() for rrset in answer.answer)

        await wait_until(served, within=5, what=f"zone {zone} with serial {serial} served")


async def ask(server: Address, name: str, kind: str) -> dns.message.Message | None:
    """Ask once over UDP; return None if nothing comes."""
    query = dns.message.make_query(name, kind)
    try:
        return await dns.asyncquery.udp(query, server.host, timeout=0.1, port=server.port)
    except dns.exception.DNSException:
        return None
