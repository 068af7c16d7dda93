"""The commands that the README promises to be enough."""

from __future__ import annotations

import re

__all__ = ["readme_commands"]

_COMMAND = re.compile(r"^```console\n\$ (.+)$", re.MULTILINE)


def readme_commands(readme: str) -> list[str]:
    """Return the shell commands of the README that run nox, in their order: the demo and all tests.

    Args:
        readme: Its text. A command is the first line of a ``console`` block.

    Raises:
        ValueError: There are not two of them.
    """
    commands = [command for command in _COMMAND.findall(readme) if ".venv/bin/nox" in command]
    if len(commands) != 2:
        raise ValueError(f"README.md: {len(commands)} console blocks run nox, not two: {commands}")
    return commands
