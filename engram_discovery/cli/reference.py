"""The reference page of the commands, written from the commands themselves."""

from __future__ import annotations

import inspect
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from engram_discovery.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reference_page"]

_INTRODUCTION = """\
# Commands

This page is written by `python -m engram_discovery.cli.reference`. Do not edit it.

Commands print tables, or JSON with `--json`. Logs go to standard error: lines on a terminal, JSON otherwise. Exit
status 2 also means wrong usage.

Commands that read settings also take `--strict-plugins`: any installed and enabled plugin that is broken, selected or
not, is then an error and the exit status is 2. It is the same as `plugins.strict = true` in the settings. Use it in CI
and at deployments, where a broken plugin should fail early.
"""
_VERBATIM = "\b\n"
_COMMON = {"help", "version"}


def reference_page() -> str:
    """Return the reference of all commands in Markdown."""
    return "\n".join([_INTRODUCTION, *_section(cli, "engram-discovery", 2)]).replace("\n\n\n", "\n\n")


def _section(command: click.Command, path: str, depth: int) -> Iterator[str]:
    """Write one command, then those below it."""
    context = click.Context(command, info_name=path)
    yield f"{'#' * depth} `{path}`\n"
    yield f"```\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    yield from (_paragraph(text) for text in inspect.cleandoc(command.help or "").split("\n\n"))
    options = [option for option in command.params if isinstance(option, click.Option)]
    rows = [_row(option, context) for option in options if option.name not in _COMMON]
    if rows:
        yield "\n".join(["| option | meaning |", "| --- | --- |", *rows, ""])
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _section(below, f"{path} {name}", min(depth + 1, 4))


def _paragraph(text: str) -> str:
    """Write a paragraph of a help text; lines after click's mark stand as they are."""
    if not text.startswith(_VERBATIM):
        return f"{text}\n"
    return f"```\n{textwrap.dedent(text.removeprefix(_VERBATIM))}\n```\n"


def _row(option: click.Option, context: click.Context) -> str:
    names, meaning = option.get_help_record(context) or ("", "")
    return f"| `{_cell(names)}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.stdout.write(reference_page())
