"""Make what jobs need: ``python -m tests.servers.prepare JOB… [--packages]``, or ``--list`` to see what that is.

Installs Debian packages as root, else refuses with the command to run and exit status 2. Then gets Go and
builds servers that are not there yet. What is there already costs a fraction of a second.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import TYPE_CHECKING

from tests.servers.build import SERVERS, build
from tests.servers.progress import CommandError, report, run_shown
from tests.servers.requirements import JOBS, PACKAGES, MissingServerError, missing_packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["DONE", "FAILED", "REFUSED", "main", "refusal"]

DONE, FAILED, REFUSED = 0, 1, 2
"""Exit statuses: all is there; a download, an installation or a build failed; this account may not do it."""

_APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")
# Debian's scripts ask no question, and start no service that an installed package brings
_APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare the jobs that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.prepare", description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"a nox session; of these: {', '.join(JOBS)}")
    parser.add_argument("--packages", action="store_true", help="install Debian packages only, build nothing")
    parser.add_argument("--list", action="store_true", help="print what each job needs, and do nothing")
    options = parser.parse_args(arguments)
    if options.list:
        print(listing())
        return DONE
    try:
        return _prepare(options.jobs, packages_only=options.packages)
    except (CommandError, MissingServerError) as error:
        report(f"error: {error}")
        return FAILED


def refusal(jobs: Sequence[str], *, missing: Sequence[str], is_root: bool, has_apt: bool) -> str | None:
    """Return why this account cannot run these jobs on this machine, in one line; None if it can.

    Args:
        jobs: Names of the jobs.
        missing: The Debian packages that they lack.
        is_root: Whether the account is root.
        has_apt: Whether the system installs packages with apt-get.
    """
    causes = []
    if missing and not (is_root and has_apt):
        lacking = "not root" if has_apt else "no apt-get"
        command = f"{'' if is_root else 'sudo '}{install_command(missing)}"
        causes.append(
            f"{lacking}, and Debian packages are missing for {_users(jobs, missing)}; run: {command}"
        )
    privileged = [job for job in jobs if job in JOBS and JOBS[job].needs_root]
    if privileged and not is_root:
        causes.append(f"not root, as {' and '.join(privileged)} must be for network namespaces; use sudo")
    return "; ".join(causes) or None


def install_command(packages: Iterable[str]) -> str:
    """Return the command line that installs Debian packages."""
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def listing() -> str:
    """Return what each job needs, and the command that installs all Debian packages."""
    lines = []
    for name, job in JOBS.items():
        lines.append(f"{name}:{' root' if job.needs_root else ''}")
        lines.append(f"    Debian packages: {' '.join(job.packages)}")
        if job.servers:
            lines.append(f"    built servers:   {' '.join(job.servers)}")
    return "\n".join([*lines, "all Debian packages:", f"    {install_command(sorted(PACKAGES))}"])


def _prepare(jobs: Sequence[str], *, packages_only: bool) -> int:
    missing = missing_packages(jobs)
    why = refusal(jobs, missing=missing, is_root=os.geteuid() == 0, has_apt=bool(shutil.which("apt-get")))
    if why:
        report(f"error: {why}")
        return REFUSED
    if missing:
        _install(missing)
    if not packages_only:
        for server in sorted({name for job in jobs if job in JOBS for name in JOBS[job].servers}):
            build(SERVERS[server])
    return DONE


def _install(packages: Sequence[str]) -> None:
    try:
        run_shown([*_APT, "update"], "Debian packages: apt-get update", environment=_APT_ENVIRONMENT)
    except CommandError as error:  # one broken source of many does not matter
        report(f"{error}; going on with the lists that are there")
    command = [*_APT, "install", "-y", "--no-install-recommends", *packages]
    run_shown(command, f"Debian packages: {install_command(packages)}", environment=_APT_ENVIRONMENT)
    absent = [name for name in packages if PACKAGES[name].path is None]
    if absent:
        raise MissingServerError(f"installed, but their programs are not there: {' '.join(absent)}")


def _users(jobs: Sequence[str], missing: Sequence[str]) -> str:
    users = [job for job in jobs if job in JOBS and set(missing) & set(JOBS[job].packages)]
    return ", ".join(users)


if __name__ == "__main__":
    sys.exit(main())
