"""Every job of the project: ``nox -l`` lists them, ``nox`` runs all tests, ``nox -s NAME`` runs one.

Each job makes its own environment, so that Python and nox are all a machine needs.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = [
    "lint",
    "typing",
    "tests",
    "kit",
    "packaging",
    "docs",
    "cluster",
    "faults",
    "integration",
]

PLUGINS = ["static", "dns", "consul", "etcd"]
#: Plugins that are tested against real servers.
SERVED = ["dns", "consul", "etcd"]
#: Every Python that is supported; the first is the lowest. uv fetches what the machine lacks.
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
#: Tests of processes that need further servers or a browser, and not one more of our dependencies.
OTHER_SERVERS = ["agreement", "dns", "prometheus", "status_page"]
BENCHMARKS = ["startup", "health", "settings", "plugins", "scrape", "formation", "dns", "consul", "etcd"]
PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the workspace in place, with dependency groups."""
    editable = [argument for name in PLUGINS for argument in ("-e", f"plugins/{name}")]
    session.install("-e", ".", *editable, *nox.project.dependency_groups(PYPROJECT, *groups))


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest with warnings as errors, as pyproject.toml says."""
    compiled_once = {
        "PYTHONDONTWRITEBYTECODE": None
    }  # some machines forbid it; it halves the start of a worker
    session.run("pytest", *arguments, *session.posargs, env=compiled_once)


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
    """Check types strictly, over host and plugins."""
    install(session, "typing", "test")
    session.run("mypy", "engram_discovery")
    for name in PLUGINS:
        session.run("mypy", "-p", f"engram_discovery_{name}", env={"MYPYPATH": f"plugins/{name}/src"})


@nox.session
def tests(session: nox.Session) -> None:
    """Run the unit tests of host and plugins: no server, no process, a fake clock."""
    install(session, "test")
    units = ["tests/unit", *(f"plugins/{name}/tests/unit" for name in PLUGINS)]
    pytest(session, "-n", "2", "--dist", "worksteal", *units)


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
    install(session, "test")
    session.run("python", "-m", "tests.servers.build", "--all")
    pytest(session, *(f"plugins/{name}/tests/integration" for name in SERVED), "--timeout=300")


@nox.session
def cluster(session: nox.Session) -> None:
    """Run real node processes: they find each other, are killed, come back, get bad input."""
    install(session, "test")
    pytest(session, "tests/cluster", "--timeout=180")


@nox.session
def faults(session: nox.Session) -> None:
    """Cut, slow down and attack real nodes in network namespaces."""
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


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed beside a peer or a floor, as ratios."""
    install(session, "test", "bench")
    session.run("python", "-m", "tests.servers.build", "--all")
    for name in session.posargs or BENCHMARKS:
        session.run("python", "-m", f"tests.bench.{name}")
