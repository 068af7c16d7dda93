"""``engram-discovery new-plugin``: the package of a new provider, ready to install and to test."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

__all__ = ["new_plugin"]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SUFFIX = ".tmpl"


@click.command("new-plugin", short_help="Write the package of a new provider, ready to test.")
@click.argument("name")
@click.option(
    "--directory",
    "-d",
    type=click.Path(path_type=Path),
    help="Directory to write to. Default: ./engram-discovery-NAME.",
)
def new_plugin(name: str, directory: Path | None) -> None:
    """Write a package with the provider NAME. It installs, passes the contract tests and the linter unchanged.

    Exit status: 0 written, 2 the name is not a valid provider name or the directory exists.
    """
    _check(name)
    variables = _variables(name)
    directory = directory or Path(variables["distribution"])
    if directory.exists():
        raise click.UsageError(f"{directory} exists already; name another with --directory")
    for path, text in _rendered(variables):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    click.echo(f"wrote {directory}; its README.md describes how to install and test it", err=True)


def _check(name: str) -> None:
    from engram_discovery.settings.models import RESERVED_TABLES

    if not _NAME.match(name):
        raise click.UsageError(
            f"{name!r} is not a provider name: use lower-case letters, digits and underscores"
        )
    if name in RESERVED_TABLES:
        raise click.UsageError(f'"{name}" is a table of the host; choose another name')


def _variables(name: str) -> Mapping[str, str]:
    """Return the variables of the templates."""
    from engram_discovery._version import __version__

    major, minor = map(int, __version__.split(".")[:2])
    return {
        "name": name,
        "distribution": f"engram-discovery-{name.replace('_', '-')}",
        "package": f"engram_discovery_{name}",
        "host": f"{major}.{minor}",
        "below": f"{major}.{minor + 1}",
    }


def _rendered(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file."""
    root = files("engram_discovery") / "templates" / "plugin"
    for path, template in _templates(root):
        text = Template(template.read_text(encoding="utf-8")).substitute(variables)
        yield path.replace("package", variables["package"]).removesuffix(_SUFFIX), text


def _templates(directory: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield f"{prefix}{entry.name}", entry
