"""Run the README's commands in a new minimal Debian: ``nox -s bare``.

The root has Python, git and what this machine's clients need to reach the package registries; the checkout's last
commit is cloned into it, and the home directory is empty. Takes as long as a first run does: an hour or more.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bare.readme import readme_commands
from tests.bare.registries import find_registries
from tests.bare.root import SUITE, Root
from tests.servers.progress import CommandError, report

CHECKOUT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the root, run the commands one after another, and return 0 if all of them succeeded."""
    parser = argparse.ArgumentParser(prog="nox -s bare --", description=__doc__)
    parser.add_argument("--root", type=Path, help="make the root here, or use it again; it is not removed")
    parser.add_argument("--run", action="append", metavar="COMMAND", help="instead of the README's commands")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that the root is removed
    commands = options.run or readme_commands((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    try:
        with _root(options.root) as root:
            _fill(root, again=bool(options.run))
            return _run_all(root, commands)
    except CommandError as error:
        report(f"error: {error}")
        return 1


@contextmanager
def _root(path: Path | None) -> Iterator[Root]:
    registries = find_registries(SUITE)
    if path:
        yield Root(path=path.absolute(), registries=registries)
        return
    # not /tmp, which may be in memory or allow no devices
    root = Root(path=Path(tempfile.mkdtemp(prefix="engram-bare-", dir="/var/tmp")), registries=registries)
    try:
        yield root
    finally:
        report(f"{root.path}: removing it")
        root.remove()


def _fill(root: Root, *, again: bool) -> None:
    """Make the root and the clone; a command of the caller's own finds all as the last run left it."""
    used = root.is_made()
    root.make()
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=CHECKOUT, capture_output=True, check=True
    ).stdout
    if changed:
        report(f"{CHECKOUT}: {len(changed.splitlines())} files are not committed, and so not in the clone")
    if used and again:
        root.update(CHECKOUT)
    else:
        root.start_anew(CHECKOUT)


def _run_all(root: Root, commands: Sequence[str]) -> int:
    ended = []
    for command in commands:
        report(f"bare $ {command}")
        started = time.monotonic()
        status = root.run(command)
        ended.append((status, f"exit status {status} after {time.monotonic() - started:.0f} s: {command}"))
        report(f"bare: {ended[-1][1]}")
    report("\n".join(["", *(f"bare: {line}" for _, line in ended)]))
    return int(any(status for status, _ in ended))


if __name__ == "__main__":
    sys.exit(main())
