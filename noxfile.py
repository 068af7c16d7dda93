"""Every job of the project: ``nox -l`` lists them, ``nox`` runs all tests, ``nox -s NAME`` runs one.

Each job makes its own environment and what else it needs, so that Python and nox are all a machine needs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nox

#: What ``nox`` runs, after ``prepare``.
DEFAULT_JOBS = ["lint", "typing", "tests", "kit", "packaging", "docs", "cluster", "faults", "integration"]
#: What needs no server, no Debian package and no root: the jobs to run after every change.
QUICK_JOBS = ["lint", "typing", "tests"]

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["prepare", *DEFAULT_JOBS]

PLUGINS = ["static", "dns", "consul", "etcd"]
#: Plugins that are tested against real servers.
SERVED = ["dns", "consul", "etcd"]
#: Every Python that is supported; the first is the lowest. uv fetches what the machine lacks.
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
#: Tests of processes that need further servers or a browser, and not one more of our dependencies.
OTHER_SERVERS = ["agreement", "dns", "prometheus", "status_page"]
BENCHMARKS = ["startup", "health", "settings", "plugins", "scrape", "formation", "dns", "consul", "etcd"]
#: Exit status of ``tests.servers.prepare`` where this account may not install what a job needs.
REFUSED = 2
REFERENCE = Path("docs/reference")
#: Pages that a command prints, by name.
GENERATED_PAGES = {
    "commands": ("python", "-m", "engram_discovery.cli.reference"),
    "metrics": ("python", "-m", "engram_discovery.metrics.reference"),
    "settings": ("engram-discovery", "config", "reference"),
}
PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the workspace in place, with dependency groups."""
    editable = [argument for name in PLUGINS for argument in ("-e", f"plugins/{name}")]
    session.install("-e", ".", *editable, *nox.project.dependency_groups(PYPROJECT, *groups))


def make_ready(session: nox.Session, *arguments: str) -> None:
    """Make what jobs need beyond Python; a refusal ends the whole run, with the refusal as its last line."""
    # not session.run: nox would go on with the next session, and exit with status 1
    command = [sys.executable, "-m", "tests.servers.prepare", *arguments]
    status = subprocess.run(command, check=False).returncode  # noqa: S603  our own program
    if status == REFUSED:
        sys.exit(REFUSED)
    if status:
        session.error(f"cannot prepare {' '.join(arguments)}, see above")


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest with warnings as errors, as pyproject.toml says."""
    compiled_once = {
        "PYTHONDONTWRITEBYTECODE": None
    }  # some machines forbid it; it halves the start of a worker
    session.run("pytest", *arguments, *session.posargs, env=compiled_once)


@nox.session(venv_backend="none")
def prepare(session: nox.Session) -> None:
    """Install the Debian packages of all jobs, or refuse before anything long begins."""
    make_ready(session, "--packages", *DEFAULT_JOBS)


@nox.session
def demo(session: nox.Session) -> None:
    """Let three real node processes on this machine find each other, and lose one."""
    install(session)
    session.run("engram-discovery", "demo", *(session.posargs or ["--exit"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and the import layers."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types strictly, over host, plugins and the host's tests."""
    install(session, "typing", "test", "bench")
    session.run("mypy", "engram_discovery", "tests")
    for name in PLUGINS:
        session.run("mypy", "-p", f"engram_discovery_{name}", env={"MYPYPATH": f"plugins/{name}/src"})


@nox.session
def tests(session: nox.Session) -> None:
    """Run the unit tests of host and plugins: no server, no Debian package, no root, under a minute."""
    install(session, "test")
    units = ["tests/unit", *(f"plugins/{name}/tests/unit" for name in PLUGINS)]
    pytest(session, "-n", "2", "--dist", "worksteal", *units)
    others = [job for job in DEFAULT_JOBS if job not in QUICK_JOBS]
    session.log(f"not run by this job: {', '.join(others)}; nox runs them all")


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """Run the unit tests on every supported Python: ``pythons-3.13`` is one of them."""
    tests(session)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run with the lowest versions that the projects admit: unit tests, real nodes, a real etcd and Consul."""
    session.install("uv")
    projects = [argument for name in PLUGINS for argument in ("-e", f"plugins/{name}")]
    lowest_direct = ("--upgrade", "--resolution", "lowest-direct")
    session.run("uv", "pip", "install", *lowest_direct, "-e", ".[testing,k8s]", *projects)
    session.run("uv", "pip", "install", *nox.project.dependency_groups(PYPROJECT, "test"))  # upgrades nothing
    session.run("uv", "pip", "list")
    pytest(
        session, "-n", "2", "--dist", "worksteal", "tests/unit", *(f"plugins/{n}/tests/unit" for n in PLUGINS)
    )
    session.run("python", "-m", "tests.servers.build", "etcd", "consul")
    others = [f"--ignore=tests/cluster/test_{name}.py" for name in OTHER_SERVERS]
    pytest(session, "tests/cluster", "--timeout=180", *others)


@nox.session
def kit(session: nox.Session) -> None:
    """Try the contract suites on providers that break one promise each."""
    install(session, "test")
    pytest(session, "-n", "2", "tests/kit")


@nox.session
def integration(session: nox.Session) -> None:
    """Run providers against real servers, which are built or installed first."""
    make_ready(session, "integration")
    install(session, "test")
    pytest(session, *(f"plugins/{name}/tests/integration" for name in SERVED), "--timeout=300")


@nox.session
def cluster(session: nox.Session) -> None:
    """Run real node processes: they find each other, are killed, come back, get bad input."""
    make_ready(session, "cluster")
    install(session, "test")
    pytest(session, "tests/cluster", "--timeout=180")


@nox.session
def faults(session: nox.Session) -> None:
    """Cut, slow down and attack real nodes in network namespaces."""
    make_ready(session, "faults")
    install(session, "test")
    pytest(session, "tests/faults", "--timeout=300")


@nox.session
def packaging(session: nox.Session) -> None:
    """Build the wheels and use them from a clean environment, with pip and with uv."""
    install(session, "test")
    session.install("uv")
    pytest(session, "tests/packaging", "--timeout=300")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")


@nox.session(venv_backend="none")
def dev(session: nox.Session) -> None:
    """Install everything for working on the project into the environment that runs nox: editors find it there."""
    editable = [argument for name in PLUGINS for argument in ("-e", f"plugins/{name}")]
    groups = nox.project.dependency_groups(PYPROJECT, "dev", "docs", "bench")
    session.run(sys.executable, "-m", "pip", "install", "-q", "-e", ".", *editable, *groups)


@nox.session
def fix(session: nox.Session) -> None:
    """Mend style and format in place."""
    install(session, "lint")
    session.run("ruff", "check", "--fix", ".")
    session.run("ruff", "format", ".")


@nox.session
def generate(session: nox.Session) -> None:
    """Write the generated pages again: commands, settings, metrics, hooks, and the dashboard."""
    install(session, "test")
    for page, command in GENERATED_PAGES.items():
        with (REFERENCE / f"{page}.md").open("w") as output:
            session.run(*command, stdout=output)
    session.run("python", "-m", "docs.hooks_page")
    session.run("python", "ops/grafana/dashboard.py")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure how much of the code the unit, kit and process tests run; fail below the gate."""
    make_ready(session, "cluster")
    install(session, "test")
    session.run("coverage", "erase")
    units = ["tests/unit", *(f"plugins/{name}/tests/unit" for name in PLUGINS)]
    session.run("coverage", "run", "-m", "pytest", *units)
    session.run("coverage", "run", "-m", "pytest", "tests/kit", "tests/cluster", "--timeout=180")
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report", "--skip-covered")


@nox.session
def mutation(session: nox.Session) -> None:
    """Mutate the rooms that decide, by sample, and count what the tests notice."""
    install(session, "test", "mutation")
    session.run("python", "-m", "tests.mutation.sample", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build wheels and source distributions of host and plugins into dist/."""
    session.install("build", "twine")
    for folder in [".", *(f"plugins/{name}" for name in PLUGINS)]:
        session.run("python", "-m", "build", "--outdir", "dist", folder)
    session.run("twine", "check", "--strict", *sorted(map(str, Path("dist").glob("*"))))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed beside a peer or a floor, as ratios."""
    make_ready(session, "bench")
    install(session, "test", "bench")
    for name in session.posargs or BENCHMARKS:
        session.run("python", "-m", f"tests.bench.{name}")


@nox.session(venv_backend="none")
def bare(session: nox.Session) -> None:
    """Run the README's commands in a new minimal Debian, as on a machine that has Python and git alone."""
    make_ready(session, "bare")
    # after Ctrl-C it ends its processes and removes the root: that takes longer than nox waits by default
    session.run(
        sys.executable, "-m", "tests.bare", *session.posargs, interrupt_timeout=60, terminate_timeout=60
    )
