"""A real BIND, where it answers otherwise than CoreDNS: a cut answer over UDP holds no record at all."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from engram_discovery.network.address import Address
from tests.servers.process import ServerProcess, free_port
from tests.servers.requirements import find_program
from tests.servers.zones import ZoneFiles, ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Bind"]

_OPTIONS = """\
options {{
    directory "{directory}";
    pid-file "{directory}/named.pid";
    session-keyfile "{directory}/session.key";
    listen-on port {port} {{ {host}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
    max-records-per-type 0;
}};
controls {{ }};
"""
_ZONE = 'zone "{zone}" {{ type master; file "{file}"; }};\n'


class Bind(ServerProcess):
    """BIND on a free loopback port, serving zones from files.

    Args:
        directory: Where configuration, zone files and log go.
        zones: The records of each zone; see ``ZoneFiles``.
        broken: Zones whose file is missing: they answer SERVFAIL.
    """

    def __init__(
        self, directory: Path, zones: Mapping[str, Iterable[str]], *, broken: Iterable[str] = ()
    ) -> None:
        self.address = Address("127.0.0.1", free_port())
        self._zones = ZoneFiles(directory, zones)
        configuration = directory / "named.conf"
        configuration.write_text(
            _OPTIONS.format(directory=directory, host=self.address.host, port=self.address.port)
            + "".join(
                _ZONE.format(zone=zone, file=self._zones.file(zone)) for zone in (*self._zones, *broken)
            )
        )
        command: list[str | Path] = [find_program("bind9"), "-g", "-n", "1", "-c", configuration]
        super().__init__(command, log=directory / "named.log", ready=self._answers_queries)

    async def set_zone(self, zone: str, records: Iterable[str]) -> None:
        """Replace a zone's records, and return when the new ones are served."""
        self._zones.write(zone, records)
        os.kill(self.pid, signal.SIGHUP)
        await self._zones.wait_served(zone, self.address)

    async def _answers_queries(self) -> bool:
        return await ask(self.address, next(iter(self._zones)), "SOA") is not None
