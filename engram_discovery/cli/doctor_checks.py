"""The checks of ``engram-discovery doctor``: settings, plugins, the objects they create, and connectivity."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.cli.options import make_providers
from engram_discovery.defaults import CALL_TIMEOUT
from engram_discovery.errors import FailureKind, PluginError, SettingsError
from engram_discovery.runtime.log import SilentLogger
from engram_discovery.types import CheckResult, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engram_discovery.node.provider_factory import ProviderFactory
    from engram_discovery.protocols import HealthCheck
    from engram_discovery.settings.models import PluginsSettings
    from engram_discovery.sources.status import SourceStatus

__all__ = ["Finding", "Severity", "examine", "make", "probe"]

#: What to do about a source that failed.
_REMEDIES: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.TIMEOUT: "check its address, and that no firewall drops the packets",
        FailureKind.REFUSED: "check that it runs, and its address and port",
        FailureKind.UNAVAILABLE: "it cannot serve now: check its own log and health",
        FailureKind.DNS_FAILURE: "check the name, and that the name servers answer",
        FailureKind.UNAUTHORIZED: "give it a valid token or password",
        FailureKind.FORBIDDEN: "the credentials are good but lack the right to do this: change their policy",
        FailureKind.NOT_FOUND: "check that the name or path in the settings exists there",
        FailureKind.RATE_LIMITED: "it is called too often: raise the refresh interval or its limit",
        FailureKind.BAD_DATA: "another program listens there, or its data are corrupt",
        FailureKind.CONFIG: "correct the file or setting that it names",
        FailureKind.TLS: "check that its certificate is signed by the CA in the settings and names its address",
        FailureKind.SUPERSEDED: "stop the other node with this node id, or give one of them another",
        FailureKind.PLUGIN_BUG: "upgrade the plugin or report it to its authors",
    }
)


class Severity(StrEnum):
    """How severe a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    """The node would not start."""
    UNREACHABLE = "unreachable"
    """The node would start and retry."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        subject: What was checked: ``settings``, ``plugin acme``, ``provider dns``, ``source dns``.
        severity: How bad it is.
        message: The result in words, without secrets.
        remedy: What to do; empty if nothing is wrong, or if the message contains it.
    """

    subject: str
    severity: Severity
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.severity:<11}  {self.subject}: {self.message}"
        return f"{text}; {self.remedy}" if self.remedy else text


def examine(files: Sequence[str], overrides: Sequence[str]) -> tuple[list[Finding], ProviderFactory | None]:
    """Load the settings and every enabled plugin.

    Returns:
        What was found, and the selected providers if the settings can be used.
    """
    from engram_discovery.node.provider_factory import make_host
    from engram_discovery.settings.load import try_load
    from engram_discovery.settings.models import PluginsSettings

    outcome = try_load(*files, cli_overrides=overrides, host=partial(make_host, logger=SilentLogger()))
    findings = [Finding("settings", Severity.ERROR, str(problem)) for problem in outcome.problems]
    findings += [Finding("settings", Severity.WARNING, str(warning)) for warning in outcome.warnings]
    settings = outcome.settings
    if settings is None:
        return [*findings, *_plugins(PluginsSettings(), ())], None
    findings.append(Finding("settings", Severity.OK, "can be used"))
    findings += _plugins(settings.cluster.plugins, settings.cluster.discovery)
    return findings, make_providers(settings, make_host(settings.cluster.plugins, SilentLogger()))


async def make(providers: ProviderFactory) -> list[Finding]:
    """Create every selected source and health check, which imports their libraries; calls none of them."""
    try:
        discovery = providers.discovery()
        providers.health_checks()
    except (SettingsError, PluginError) as error:
        return [Finding("providers", Severity.ERROR, str(error))]
    await discovery.aclose()
    return []


async def probe(providers: ProviderFactory) -> list[Finding]:
    """Call every selected source and health check once. Joins and registers nothing; takes a few seconds at most."""
    try:
        discovery = providers.discovery()
        checks = providers.health_checks()
    except (SettingsError, PluginError) as error:
        return [Finding("providers", Severity.ERROR, str(error))]
    try:
        await discovery.discover()
        found = [_source(status) for status in discovery.status()]
        found += await asyncio.gather(*(_check(check, providers) for check in checks))
    finally:
        await discovery.aclose()
    severity = Severity.ERROR if providers.host.strict else Severity.WARNING
    leaks = await providers.end_leaked_tasks()
    return [*found, *(Finding(f"plugin {one.plugin}", severity, str(one)) for one in leaks)]


def _plugins(plugins: PluginsSettings, selected: Sequence[str]) -> Iterator[Finding]:
    """Import every enabled plugin; a broken one that is not selected is only a warning."""
    from engram_discovery.cli.overwritten import find_overwritten
    from engram_discovery.node.provider_factory import make_host

    lenient = plugins.model_copy(update={"strict": False})
    for record in make_host(lenient, SilentLogger()).load_all():
        origin = f"{record.distribution} {record.version}" if record.distribution else "no distribution"
        for warning in record.warnings:
            yield Finding(f"plugin {record.name}", Severity.WARNING, warning)
        for one in find_overwritten(record.distribution) if record.distribution else ():
            yield Finding(f"plugin {record.name}", Severity.WARNING, one.message, one.remedy)
        if record.error is None:
            yield Finding(f"plugin {record.name}", Severity.OK, f"{record.state}, from {origin}")
        else:
            harmful = plugins.strict or record.name in selected
            severity = Severity.ERROR if harmful else Severity.WARNING
            yield Finding(f"plugin {record.name}", severity, record.error)


def _source(status: SourceStatus) -> Finding:
    subject = f"source {status.name}"
    if status.error_kind is not None and status.error:
        return Finding(subject, Severity.UNREACHABLE, status.sentence(), _REMEDIES[status.error_kind])
    if status.count == 0:
        remedy = "fine for the first node of a cluster; else check that the other nodes are listed there"
        return Finding(subject, Severity.WARNING, status.sentence(), remedy)
    if not status.complete:
        remedy = "the log lines above name what is missing; the other endpoints suffice until it is back"
        return Finding(subject, Severity.WARNING, status.sentence(), remedy)
    return Finding(subject, Severity.OK, status.sentence())


async def _check(check: HealthCheck, providers: ProviderFactory) -> Finding:
    from engram_discovery.runtime.plugin_call import PluginCall, PluginCallError

    subject = f"check {check.name}"
    plugin_call = PluginCall(check.name, providers.clock, providers.logger)
    providers.track_tasks_of([plugin_call])
    try:
        result: object = await plugin_call.call(check.check, timeout=CALL_TIMEOUT)
    except PluginCallError as error:
        return Finding(subject, Severity.UNREACHABLE, str(error))
    if not isinstance(result, CheckResult):
        text = f"returned {type(result).__name__} instead of CheckResult"
        return Finding(subject, Severity.UNREACHABLE, text, _REMEDIES[FailureKind.PLUGIN_BUG])
    severities = {CheckStatus.PASSING: Severity.OK, CheckStatus.WARNING: Severity.WARNING}
    return Finding(subject, severities.get(result.status, Severity.UNREACHABLE), result.output)
