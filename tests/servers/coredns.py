"""A real CoreDNS with zones that a test can change while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode

from tests.servers.build import find
from tests.servers.process import ServerProcess, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["CoreDns"]

_ZONE_BLOCK = """\
{zone}:{port} {{
    bind {host}
    errors
    {options}
    file {file} {{
        reload 30ms
    }}
}}
"""
_READY_BLOCK = """\
ready.invalid:{port} {{
    bind {host}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


class CoreDns(ServerProcess):
    """CoreDNS on a free loopback port, serving zones from files.

    Args:
        directory: Where Corefile, zone files and log go.
        zones: Lines of each zone in master file syntax, without SOA and NS, as in
            ``{"engram.test": ["n1 A 127.0.0.1"]}``. Names are relative to the zone; the TTL is 5 s, as in
            Kubernetes, unless a ``$TTL`` line comes first.
        options: Corefile lines for every zone, such as ``minimal`` (no additional section).
        extra: Corefile text after the zones; ``{host}`` and ``{port}`` are filled in.
        host: Address to listen on.
        port: Port to listen on; by default a free one.
    """

    def __init__(
        self,
        directory: Path,
        zones: Mapping[str, Iterable[str]],
        *,
        options: str = "",
        extra: str = "",
        host: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        self.host = host
        self.port = port or free_port(host)
        self._directory = directory
        self._serials: dict[str, int] = {}
        for zone, records in zones.items():
            self._write(zone, records)
        corefile = directory / "Corefile"
        corefile.write_text(self._corefile(options, extra))
        command: list[str | Path] = [find("coredns"), "-conf", corefile]
        super().__init__(command, log=directory / "coredns.log", ready=self._answers_queries)

    async def set_zone(self, zone: str, records: Iterable[str]) -> None:
        """Replace a zone's records, and return when the new ones are served."""
        serial = self._write(zone, records)

        async def served() -> bool:
            answer = await self._ask(zone, "SOA")
            return answer is not None and any(f" {serial} " in rrset.to_text() for rrset in answer.answer)

        await wait_until(served, within=5, what=f"zone {zone} with serial {serial} served")

    async def _answers_queries(self) -> bool:
        answer = await self._ask("ready.invalid", "A")
        return answer is not None and answer.rcode() == dns.rcode.NXDOMAIN

    async def _ask(self, name: str, kind: str) -> dns.message.Message | None:
        query = dns.message.make_query(name, kind)
        try:
            return await dns.asyncquery.udp(query, self.host, timeout=0.1, port=self.port)
        except dns.exception.DNSException:
            return None

    def _write(self, zone: str, records: Iterable[str]) -> int:
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
        scratch.rename(self._file(zone))
        return serial

    def _file(self, zone: str) -> Path:
        return self._directory / f"{zone}.zone"

    def _corefile(self, options: str, extra: str) -> str:
        place = {"host": self.host, "port": self.port}
        blocks = [
            _ZONE_BLOCK.format(zone=zone, file=self._file(zone), options=options, **place)
            for zone in self._serials
        ]
        extra = extra.replace("{host}", self.host).replace("{port}", str(self.port))
        return "".join([*blocks, _READY_BLOCK.format(**place), extra])
