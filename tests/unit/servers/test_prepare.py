"""What jobs need is listed once, and an account that may not install it is refused at once."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.servers import prepare
from tests.servers.build import SERVERS
from tests.servers.golang import go_version
from tests.servers.requirements import JOBS, PACKAGES, MissingServerError, find_program, missing_packages

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_needs_what_can_be_provided(job: str) -> None:
    """Each listed job is a nox session; its packages and servers are known."""
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)

    assert job in sessions
    assert set(JOBS[job].packages) <= set(PACKAGES)
    assert set(JOBS[job].servers) <= set(SERVERS)


@pytest.mark.parametrize("job", ["lint", "typing", "tests"])
def test_the_quick_jobs_need_nothing(job: str) -> None:
    """No server, no package, no root."""
    assert job not in JOBS


def test_without_root_the_command_is_named() -> None:
    """One line: what is wrong, for which job, and the exact command."""
    line = prepare.refusal(["tests", "cluster"], missing=["chromium"], is_root=False, has_apt=True)

    assert line == (
        "not root, and Debian packages are missing for cluster; "
        "run: sudo apt-get install --no-install-recommends chromium"
    )


def test_another_system_is_told_the_packages() -> None:
    """Root without apt-get is shown Debian's names."""
    line = prepare.refusal(["integration"], missing=["bind9"], is_root=True, has_apt=False)

    assert line == (
        "no apt-get, and Debian packages are missing for integration; "
        "run: apt-get install --no-install-recommends bind9"
    )


def test_network_namespaces_need_root() -> None:
    """Even where all packages are installed."""
    line = prepare.refusal(["lint", "faults"], missing=[], is_root=False, has_apt=True)

    assert line == "not root, as faults must be for network namespaces; use sudo"


@pytest.mark.parametrize(("missing", "is_root"), [(["chromium"], True), ([], False), ([], True)])
def test_what_can_be_done_is_not_refused(missing: list[str], is_root: bool) -> None:
    """Root on Debian installs; without root a job runs whose packages are installed."""
    assert prepare.refusal(["cluster"], missing=missing, is_root=is_root, has_apt=True) is None


def test_a_refusal_is_one_line_and_exit_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing has been installed or built then."""
    (tmp_path / "apt-get").symlink_to("/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    status = prepare.main(["cluster"])

    [line] = capsys.readouterr().err.splitlines()
    assert status == prepare.REFUSED == 2
    assert line.startswith("error: not root")
    assert "apt-get install --no-install-recommends" in line
    assert not (tmp_path / "cache").exists()


def test_a_failed_installation_is_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its output precedes the error."""
    for name, line in {"apt-get": "echo no network; exit 100"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    status = prepare.main(["--packages", "cluster"])

    printed = capsys.readouterr().err
    assert status == prepare.FAILED == 1
    assert "no network" in printed
    assert "exit status 100" in printed.splitlines()[-1]


def test_a_job_with_all_it_needs_is_ready_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A job that needs nothing prints nothing."""
    assert prepare.main(["lint"]) == prepare.DONE
    assert capsys.readouterr().err == ""


def test_the_list_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """All jobs, and one command with every package."""
    prepare.main(["--list"])

    printed = capsys.readouterr().out
    assert all(f"{job}:" in printed for job in JOBS)
    assert printed.splitlines()[-1].split()[3:] == sorted(PACKAGES)


def test_a_package_is_proven_by_its_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is on the PATH counts, whatever installed it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    before = missing_packages(["cluster"])
    for name in ("chromium", "prometheus"):
        (tmp_path / name).symlink_to("/bin/true")

    assert {"chromium", "prometheus"} <= set(before)
    assert not {"chromium", "prometheus"} & set(missing_packages(["cluster"]))


def test_a_missing_program_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """And names the package and the command that installs it."""
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(
        MissingServerError, match=r"package chromium .* python -m tests\.servers\.prepare cluster"
    ):
        find_program("chromium")


def test_the_newest_go_of_all_servers_is_asked_for() -> None:
    """Versions compare by their numbers."""
    assert go_version("module x\n\ngo 1.26.0\n\ntoolchain go1.26.1\n") == (1, 26, 0)
    assert go_version("go 1.9\n") < go_version("go 1.26\n")
