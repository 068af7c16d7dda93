"""What each job needs beyond Python: the one list of Debian packages, built servers and rights.

``python -m tests.servers.prepare --list`` prints it. A job that is not in ``JOBS`` needs none of these.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["JOBS", "PACKAGES", "Job", "MissingServerError", "Package", "find_program", "missing_packages"]

#: Debian keeps servers here, which is not on the PATH of every account.
_SYSTEM_DIRECTORIES = "/usr/local/sbin:/usr/sbin:/sbin"


class MissingServerError(Exception):
    """A program that a test needs is neither built nor installed, or there is no Go to build it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Debian package, and how its presence is proven on any system.

    Attributes:
        name: Its name for ``apt-get install``.
        proofs: Names of programs, or absolute paths: the first of them that exists proves it.
    """

    name: str
    proofs: tuple[str, ...]

    @property
    def path(self) -> Path | None:
        """The program or file that proves the package; None where it is not installed."""
        found = (_locate(proof) for proof in self.proofs)
        return next((path for path in found if path), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one job needs.

    Attributes:
        packages: Names of Debian packages.
        servers: Names of servers to build; see ``build.SERVERS``.
        needs_root: Whether only root can run it.
    """

    packages: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    needs_root: bool = False


#: Every Debian package that a job needs, by name.
PACKAGES: Mapping[str, Package] = MappingProxyType(
    {
        package.name: package
        for package in (
            Package(name="bind9", proofs=("named",)),
            Package(
                name="ca-certificates",  # Go verifies its downloads with them
                proofs=("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"),
            ),
            Package(name="chromium", proofs=("chromium",)),
            Package(name="debootstrap", proofs=("debootstrap",)),
            # etcd 3.4, not the one that is built, which may be on the PATH
            Package(name="etcd-server", proofs=("/usr/bin/etcd",)),
            Package(name="iproute2", proofs=("ip",)),
            Package(name="nftables", proofs=("nft",)),
            Package(name="prometheus", proofs=("prometheus",)),
        )
    }
)

#: What each job needs, by the name of its nox session.
JOBS: Mapping[str, Job] = MappingProxyType(
    {
        "cluster": Job(
            packages=("ca-certificates", "chromium", "prometheus"), servers=("consul", "coredns", "etcd")
        ),
        "faults": Job(
            packages=("ca-certificates", "iproute2", "nftables"), servers=("etcd",), needs_root=True
        ),
        "integration": Job(
            packages=("bind9", "ca-certificates", "etcd-server"),
            servers=("consul", "coredns", "etcd", "toxiproxy"),
        ),
        "bench": Job(packages=("ca-certificates",), servers=("consul", "coredns", "etcd", "godns", "serf")),
        "bare": Job(packages=("debootstrap",), needs_root=True),
    }
)


def missing_packages(jobs: Iterable[str]) -> list[str]:
    """Return the packages that these jobs need and that are not installed, sorted."""
    needed = {name for job in jobs if job in JOBS for name in JOBS[job].packages}
    return sorted(name for name in needed if PACKAGES[name].path is None)


def find_program(package: str, program: str | None = None) -> Path:
    """Return a program of a Debian package.

    Args:
        package: A key of ``PACKAGES``.
        program: Which of its programs; by default the one that proves the package.

    Raises:
        MissingServerError: It is not installed. A test lets this escape: a missing program is a failure.
    """
    path = PACKAGES[package].path if program is None else _locate(program)
    if path is None:
        name = program or PACKAGES[package].proofs[0]
        jobs = [job for job, needs in JOBS.items() if package in needs.packages]
        raise MissingServerError(
            f"{name} of Debian's package {package} is not installed; "
            f"install it with: python -m tests.servers.prepare {jobs[0]}"
        )
    return path


def _locate(proof: str) -> Path | None:
    if proof.startswith("/"):
        return Path(proof) if Path(proof).exists() else None
    found = shutil.which(proof, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_DIRECTORIES}")
    return Path(found) if found else None
