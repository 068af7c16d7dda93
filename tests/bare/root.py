"""A minimal Debian in a directory, and commands that run in it as on a machine of its own.

A command runs in namespaces of mounts and processes: its mounts are seen by no other process of this machine,
and when it ends, or is killed, the kernel ends every process that it started and undoes every mount.
It shares the network, for the package registries.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.progress import report, run_shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bare.registries import Registries

__all__ = ["PACKAGES", "SUITE", "Root"]

SUITE = "bookworm"
#: What the README asks of a machine.
PACKAGES = ("python3", "python3-venv", "git")

_CHECKOUT = Path("/srv/checkout")
_HOME = Path("/home/new")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Process 1 of the namespace: the root must be a mount for ``ip netns``; the shell stays, to reap orphans.
_INIT = """\
set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
status=0
chroot "$root" /usr/bin/env -i "$@" || status=$?
exit "$status"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root directory.

    Attributes:
        path: Where it is, or will be; on a file system that allows devices.
        registries: What its package clients are given.
    """

    path: Path
    registries: Registries

    def is_made(self) -> bool:
        """Return whether the minimal Debian is there."""
        return self._inside(_CHECKOUT.parent).is_dir()

    def make(self) -> None:
        """Install the minimal Debian, unless it is there already; one minute.

        Raises:
            CommandError: debootstrap failed.
        """
        if not self.is_made():
            include = f"--include={','.join(PACKAGES)}"
            mirror = [self.registries.mirror] if self.registries.mirror else []
            command: list[str | Path] = [
                "debootstrap",
                "--variant=minbase",
                include,
                SUITE,
                self.path,
                *mirror,
            ]
            run_shown(command, f"{self.path}: Debian {SUITE} with {', '.join(PACKAGES)}")
        self._configure_clients()

    def start_anew(self, checkout: Path) -> None:
        """Give the root a fresh clone of a checkout's last commit and an empty home, in place of earlier ones.

        Raises:
            CommandError: git failed.
        """
        clone, home = self._inside(_CHECKOUT), self._inside(_HOME)
        for directory in (clone, home):
            if directory.exists():
                shutil.rmtree(directory)
        home.mkdir(parents=True, mode=0o700)
        command: list[str | Path] = ["git", "clone", "--quiet", "--no-hardlinks", checkout, clone]
        run_shown(command, f"{clone}: clone of {checkout}")

    def update(self, checkout: Path) -> None:
        """Check the last commit out in the clone that is there; keep environments and home.

        Raises:
            CommandError: git failed, or there is no clone.
        """
        git: list[str | Path] = ["git", "-C", self._inside(_CHECKOUT)]
        run_shown([*git, "fetch", "--quiet", checkout, "HEAD"], f"{self.path}: fetch from {checkout}")
        run_shown([*git, "checkout", "--quiet", "--detach", "FETCH_HEAD"], f"{self.path}: check out")

    def run(self, command: str) -> int:
        """Run a shell command in the clone, with the caller's output and no input; return its exit status.

        Blocks until it ends. Whatever ends this call ends every process of the command, too.
        """
        variables = [f"{name}={value}" for name, value in self._environment().items()]
        inside = ["/bin/sh", "-c", f"cd {_CHECKOUT} && {command}"]
        namespaces = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"]
        shell = ["/bin/sh", "-c", _INIT, "init", str(self.path)]
        process = subprocess.Popen([*namespaces, *shell, *variables, *inside], stdin=subprocess.DEVNULL)
        try:
            return process.wait()
        finally:
            _end(process)

    def remove(self) -> None:
        """Remove the directory, unless something is mounted below it."""
        mounted = [line for line in Path("/proc/mounts").read_text().splitlines() if f" {self.path}/" in line]
        if mounted:
            report(f"{self.path}: not removed, it has mounts: {mounted}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def _environment(self) -> Mapping[str, str]:
        return {"HOME": str(_HOME), "PATH": _PATH, **self.registries.environment}

    def _configure_clients(self) -> None:
        for file in self.registries.files:
            target = self._inside(file)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(file, target)
        self._inside(Path("/etc/apt/apt.conf.d/50registries")).write_text(f"{self.registries.apt_options}\n")

    def _inside(self, path: Path) -> Path:
        return self.path / path.relative_to("/")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the namespace's process 1 through its parent, and wait until the kernel has ended all others."""
    if process.poll() is not None:
        return
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    while any(_lives(child) for child in children):
        time.sleep(0.05)


def _lives(pid: str) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}
