"""The hooks, and the health check."""

import subprocess
import sys

from engram_discovery.protocols import Discoverer, HealthCheck
from engram_discovery.types import CheckStatus
from engram_discovery_dns.health import DnsHealthCheck
from engram_discovery_dns.plugin import plugin
from engram_discovery_dns.settings import DnsSettings
from engram_discovery_dns.wire import Rcode
from plugins.dns.tests.factories import make_client, make_context
from plugins.dns.tests.scripted import Script, reply, serve
from tests.servers.process import free_port

SETTINGS = DnsSettings(service="_g._tcp.engram.test.")


def test_only_dns_is_ours() -> None:
    """Factories answer for ``dns`` and leave other providers to others."""
    made = plugin.engram_create_discoverer("dns", SETTINGS, make_context())
    checks = list(plugin.engram_create_health_checks("dns", SETTINGS, make_context()))

    assert isinstance(made, Discoverer)
    assert isinstance(checks[0], HealthCheck)
    assert [check.name for check in checks] == ["dns"]
    assert plugin.engram_create_discoverer("consul", SETTINGS, make_context()) is None
    assert not plugin.engram_create_health_checks("consul", SETTINGS, make_context())


def test_the_entry_point_does_not_import_dnspython() -> None:
    """A program that lists plugins does not pay for them."""
    code = "import sys, engram_discovery_dns.plugin; sys.exit('dns' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def check_against(script: Script, timeout: float = 30.0) -> CheckStatus:
    async with serve(script) as server:
        check = DnsHealthCheck(SETTINGS, make_context(timeout=timeout), make_client(server, patience=10))
        return (await check.check()).status


async def test_any_authoritative_answer_is_healthy() -> None:
    """Records and the absence of records both prove that DNS answers; errors and silence do not."""
    assert await check_against(lambda query: [reply(query)]) is CheckStatus.PASSING
    assert await check_against(lambda query: [reply(query, rcode=Rcode.NXDOMAIN)]) is CheckStatus.PASSING
    assert await check_against(lambda query: [reply(query, rcode=Rcode.SERVFAIL)]) is CheckStatus.CRITICAL
    assert await check_against(lambda query: [], timeout=0.3) is CheckStatus.CRITICAL


async def test_a_failing_check_says_how_old_the_last_answer_is() -> None:
    """The age is unknown before the first answer."""
    check = DnsHealthCheck(SETTINGS, make_context(), make_client(f"127.0.0.1:{free_port()}"))

    result = await check.check()

    assert result.details == {"last_answer_age_seconds": None}
    assert "connection refused" in result.output
