"""What ``engram-discovery doctor`` looks at: settings, plugins, what plugins make, and what answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from engram_discovery.errors import FailureKind, PluginError, SettingsError
from engram_discovery.runtime.log import SilentLogger
from engram_discovery.types import CheckResult, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engram_discovery.node.provider_factory import ProviderFactory
    from engram_discovery.protocols import HealthCheck
    from engram_discovery.settings import Settings
    from engram_discovery.settings.models import PluginsSettings
    from engram_discovery.sources.status import SourceStatus

__all__ = ["Finding", "Verdict", "examine", "make", "probe"]

_PROBE_TIMEOUT = 5.0

#: What to do about a source that failed.
_REMEDIES: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.TIMEOUT: "see that its address is right and that no firewall drops the packets",
        FailureKind.REFUSED: "see that it runs and that its address and port are right",
        FailureKind.UNAVAILABLE: "it cannot serve now: look at its own log and health",
        FailureKind.DNS_FAILURE: "see that the name is right and that the name servers answer",
        FailureKind.UNAUTHORIZED: "give it a valid token or password",
        FailureKind.FORBIDDEN: "the credentials are good but lack the right to do this: change their policy",
        FailureKind.NOT_FOUND: "see that the name or path in the settings exists there",
        FailureKind.RATE_LIMITED: "it is asked too often: raise the refresh interval or its limit",
        FailureKind.BAD_DATA: "something else listens there, or its data are damaged",
        FailureKind.CONFIG: "mend the file or setting that it names",
        FailureKind.TLS: "see that its certificate is signed by the CA in the settings and names its address",
        FailureKind.SUPERSEDED: "stop the other node that runs under our node id, or give one of them another",
        FailureKind.PLUGIN_BUG: "upgrade the plugin or tell its authors",
    }
)


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    """The node would not start."""
    UNREACHABLE = "unreachable"
    """The node would start and go on trying."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What was looked at: ``settings``, ``plugin acme``, ``provider dns``, ``source dns``.
        verdict: How it is.
        message: What was seen, without secrets.
        remedy: What to do; empty if nothing is wrong, or if the message says it.
    """

    subject: str
    verdict: Verdict
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.verdict:<11}  {self.subject}: {self.message}"
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
    findings = [Finding("settings", Verdict.ERROR, str(problem)) for problem in outcome.problems]
    findings += [Finding("settings", Verdict.WARNING, str(warning)) for warning in outcome.warnings]
    settings = outcome.settings
    if settings is None:
        return [*findings, *_plugins(PluginsSettings(), ())], None
    findings.append(Finding("settings", Verdict.OK, "can be used"))
    findings += _plugins(settings.cluster.plugins, settings.cluster.discovery)
    return findings, _providers(settings)


async def make(providers: ProviderFactory) -> list[Finding]:
    """Make every selected source and health check, which imports what they need, and ask none of them."""
    try:
        discovery = providers.discovery()
        providers.health_checks()
    except (SettingsError, PluginError) as error:
        return [Finding("providers", Verdict.ERROR, str(error))]
    await discovery.aclose()
    return []


async def probe(providers: ProviderFactory) -> list[Finding]:
    """Ask every selected source and health check once. Joins and registers nobody; takes some seconds at most."""
    try:
        discovery = providers.discovery()
        checks = providers.health_checks()
    except (SettingsError, PluginError) as error:
        return [Finding("providers", Verdict.ERROR, str(error))]
    try:
        await discovery.discover()
        found = [_source(status) for status in discovery.status()]
        found += await asyncio.gather(*(_check(check, providers) for check in checks))
    finally:
        await discovery.aclose()
    verdict = Verdict.ERROR if providers.host.strict else Verdict.WARNING
    complaints = await providers.end_leaked_tasks()
    return [*found, *(Finding(f"plugin {one.plugin}", verdict, str(one)) for one in complaints)]


def _providers(settings: Settings) -> ProviderFactory:
    from random import Random

    from engram_discovery.node.provider_factory import ProviderFactory, make_host
    from engram_discovery.runtime.clock import SystemClock
    from engram_discovery.runtime.log import get_logger

    return ProviderFactory(
        settings=settings,
        host=make_host(settings.cluster.plugins, SilentLogger()),
        identity=None,
        clock=SystemClock(),
        logger=get_logger("engram_discovery"),
        random=Random(),  # noqa: S311  it spreads retries, nothing secret
    )


def _plugins(plugins: PluginsSettings, selected: Sequence[str]) -> Iterator[Finding]:
    """Import every enabled plugin; one that nobody selected harms nobody, so it is a warning."""
    from engram_discovery.cli.overwritten import find_overwritten
    from engram_discovery.node.provider_factory import make_host

    lenient = plugins.model_copy(update={"strict": False})
    for record in make_host(lenient, SilentLogger()).load_all():
        origin = f"{record.distribution} {record.version}" if record.distribution else "no distribution"
        for warning in record.warnings:
            yield Finding(f"plugin {record.name}", Verdict.WARNING, warning)
        for one in find_overwritten(record.distribution) if record.distribution else ():
            yield Finding(f"plugin {record.name}", Verdict.WARNING, one.message, one.remedy)
        if record.error is None:
            yield Finding(f"plugin {record.name}", Verdict.OK, f"{record.state}, from {origin}")
        else:
            harmful = plugins.strict or record.name in selected
            verdict = Verdict.ERROR if harmful else Verdict.WARNING
            yield Finding(f"plugin {record.name}", verdict, record.error)


def _source(status: SourceStatus) -> Finding:
    subject = f"source {status.name}"
    if status.error_kind is not None and status.error:
        return Finding(subject, Verdict.UNREACHABLE, status.sentence(), _REMEDIES[status.error_kind])
    if status.count == 0:
        remedy = "fine for the first node of a cluster; else see that the others are listed there"
        return Finding(subject, Verdict.WARNING, status.sentence(), remedy)
    if not status.complete:
        remedy = "the log lines above name what is missing; the rest will do until it is back"
        return Finding(subject, Verdict.WARNING, status.sentence(), remedy)
    return Finding(subject, Verdict.OK, status.sentence())


async def _check(check: HealthCheck, providers: ProviderFactory) -> Finding:
    from engram_discovery.runtime.plugin_call import PluginCall, PluginCallError

    subject = f"check {check.name}"
    plugin_call = PluginCall(check.name, providers.clock, providers.logger)
    providers.track_tasks_of([plugin_call])
    try:
        result: object = await plugin_call.call(check.check, timeout=_PROBE_TIMEOUT)
    except PluginCallError as error:
        return Finding(subject, Verdict.UNREACHABLE, str(error))
    if not isinstance(result, CheckResult):
        said = f"answered with {type(result).__name__} instead of CheckResult"
        return Finding(subject, Verdict.UNREACHABLE, said, _REMEDIES[FailureKind.PLUGIN_BUG])
    verdicts = {CheckStatus.PASSING: Verdict.OK, CheckStatus.WARNING: Verdict.WARNING}
    return Finding(subject, verdicts.get(result.status, Verdict.UNREACHABLE), result.output)
