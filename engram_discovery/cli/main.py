"""The command group, and the one place where an error becomes a message and an exit status.

Exit status: 0 done, 1 the cluster or the other side failed, 2 the settings or the command line are wrong.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from engram_discovery._version import __version__
from engram_discovery.errors import BindError, EngramDiscoveryError, PluginError, SettingsError

__all__ = ["cli", "main"]

#: Where each command lives; a command's module is imported when the command is called.
COMMANDS = {
    "run": "engram_discovery.cli.run:run",
    "demo": "engram_discovery.cli.demo:demo",
    "discover": "engram_discovery.cli.discover:discover",
    "members": "engram_discovery.cli.members:members",
    "health": "engram_discovery.cli.health:health",
    "explain": "engram_discovery.cli.explain:explain",
    "doctor": "engram_discovery.cli.doctor:doctor",
    "plugins": "engram_discovery.cli.plugins:plugins_group",
    "config": "engram_discovery.cli.config:config_group",
    "keygen": "engram_discovery.cli.keygen:keygen",
    "new-plugin": "engram_discovery.cli.new_plugin:new_plugin",
}


class CommandGroup(click.Group):
    """A group whose commands are imported on demand, in the order of a first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of ``COMMANDS``."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start here:  engram-discovery demo   (three nodes on this machine find each other)",
)
@click.version_option(__version__, prog_name="engram-discovery")
def cli() -> None:
    """Discover the processes of a service, form a cluster of them, and show its health.

    Settings come from engram.toml, .secrets.toml, environment variables ENGRAM_… and --set, in rising precedence.
    """


def main(argv: list[str] | None = None) -> Any:
    """Run the command line and exit."""
    try:
        sys.exit(cli.main(args=argv, prog_name="engram-discovery", standalone_mode=True))
    except (SettingsError, PluginError, BindError) as error:
        _fail(error, status=2)
    except EngramDiscoveryError as error:
        _fail(error, status=1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _fail(error: Exception, status: int) -> None:
    lines = str(error).splitlines() or [type(error).__name__]
    for line in lines:
        click.echo(f"engram-discovery: {line}", err=True)
    sys.exit(status)
