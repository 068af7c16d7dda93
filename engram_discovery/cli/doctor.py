"""``engram-discovery doctor``: check settings, plugins and connectivity."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from engram_discovery._text import printable
from engram_discovery.cli.doctor_checks import Severity, examine, make, probe
from engram_discovery.cli.manifest_rules import Manifests, lint
from engram_discovery.cli.options import json_option, settings_options
from engram_discovery.network.address import DEFAULT_GOSSIP_PORT

__all__ = ["doctor"]

#: In the mode "first", sources after one that answers would not be called.
_ALL_SOURCES = "cluster.discovery_mode=union"


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    short_help="Check settings, plugins and connectivity.",
)
@click.option("--probe", "probing", is_flag=True, help="Call every selected source and health check, too.")
@settings_options
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    *,
    probing: bool,
    as_json: bool,
) -> None:
    """Check settings, plugins and connectivity; print a remedy for every problem.

    With --probe the selected sources and health checks are called once. Nothing is joined or registered.

    Exit status: 0 all is well, 1 something does not answer, 2 the node would not start.
    """
    if context.invoked_subcommand is not None:
        return
    findings, providers = examine(files, (*overrides, _ALL_SOURCES) if probing else overrides)
    if providers is not None:
        findings += asyncio.run(probe(providers) if probing else make(providers))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(printable(str(finding)))
    severities = {finding.severity for finding in findings}
    sys.exit(2 if Severity.ERROR in severities else int(Severity.UNREACHABLE in severities))


@doctor.command(short_help="Check Kubernetes manifests.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--port", default=DEFAULT_GOSSIP_PORT, show_default=True, help="The gossip port of the pods.")
def k8s(files: tuple[Path, ...], port: int) -> None:
    """Check that pods of these manifests can find and reach each other. All files are checked together.

    Exit status: 0 no faults, 1 faults found, 2 a file cannot be read.
    """
    faults = lint(Manifests([document for path in files for document in _read(path)]), port)
    for fault in faults:
        click.echo(printable(str(fault)))
    if not faults:
        click.echo("no faults found")
    sys.exit(bool(faults))


def _read(path: Path) -> list[Any]:
    try:
        import yaml  # only this command needs it
    except ImportError:
        raise click.UsageError(
            'reading manifests needs PyYAML: pip install "engram-discovery[k8s]"'
        ) from None
    try:
        return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path}: {error}") from error
