"""A real CoreDNS with zones that a test can change while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.rcode

from engram_discovery.network.address import Address
from tests.servers.build import find
from tests.servers.process import ServerProcess, free_port
from tests.servers.zones import ZoneFiles, ask

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
        zones: The records of each zone; see ``ZoneFiles``.
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
        self.address = Address(host, port or free_port(host))
        self._zones = ZoneFiles(directory, zones)
        corefile = directory / "Corefile"
        corefile.write_text(self._corefile(options, extra))
        command: list[str | Path] = [find("coredns"), "-conf", corefile]
        super().__init__(command, log=directory / "coredns.log", ready=self._answers_queries)

    @property
    def host(self) -> str:
        """Where it listens."""
        return self.address.host

    @property
    def port(self) -> int:
        """The port on which it listens, for UDP and TCP."""
        return self.address.port

    async def set_zone(self, zone: str, records: Iterable[str]) -> None:
        """Replace a zone's records, and return when the new ones are served."""
        self._zones.write(zone, records)
        await self._zones.wait_served(zone, self.address)

    async def _answers_queries(self) -> bool:
        answer = await ask(self.address, "ready.invalid", "A")
        return answer is not None and answer.rcode() == dns.rcode.NXDOMAIN

    def _corefile(self, options: str, extra: str) -> str:
        place = {"host": self.host, "port": self.port}
        blocks = [
            _ZONE_BLOCK.format(zone=zone, file=self._zones.file(zone), options=options, **place)
            for zone in self._zones
        ]
        extra = extra.replace("{host}", self.host).replace("{port}", str(self.port))
        return "".join([*blocks, _READY_BLOCK.format(**place), extra])
