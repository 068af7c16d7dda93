"""``engram-discovery doctor``: look for faults before they happen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from engram_discovery.address import DEFAULT_GOSSIP_PORT
from engram_discovery.cli.k8s_rules import Manifests, lint

__all__ = ["doctor"]


@click.group(short_help="Look for faults before they happen.")
def doctor() -> None:
    """Look for faults before they happen."""


@doctor.command(short_help="Check Kubernetes manifests.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--port", default=DEFAULT_GOSSIP_PORT, show_default=True, help="The gossip port of the pods.")
def k8s(files: tuple[Path, ...], port: int) -> None:
    """Check that pods of these manifests can find and reach each other. All files are looked at together.

    Exit status: 0 nothing found, 1 something found, 2 a file cannot be read.
    """
    findings = lint(Manifests([document for path in files for document in _read(path)]), port)
    for finding in findings:
        click.echo(str(finding))
    if not findings:
        click.echo("nothing found")
    sys.exit(bool(findings))


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
