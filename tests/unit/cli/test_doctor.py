"""``engram-discovery doctor``: its checks, its remedies, and its exit status."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engram_discovery.cli.doctor import doctor
from engram_discovery.cli.doctor_checks import _REMEDIES
from engram_discovery.cli.overwritten import find_overwritten
from engram_discovery.errors import FailureKind

Examine = Callable[..., tuple[int, dict[str, Any]]]

#: Beyond loopback, unencrypted gossip is a warning of its own.
LOOPBACK = 'network = {swim_bind = "127.0.0.1:7946", api_bind = "127.0.0.1:50051"}'


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Run doctor on the text of a settings file; return exit status and findings by subject."""
    monkeypatch.chdir(tmp_path)

    def examine(cluster: str, *options: str) -> tuple[int, dict[str, Any]]:
        path = tmp_path / "engram.toml"
        path.write_text(f"[cluster]\nenabled = true\n{LOOPBACK}\n{cluster}")
        result = CliRunner().invoke(doctor, ["-c", str(path), "--json", *options])
        findings = json.loads(result.output)
        return result.exit_code, {one["subject"]: one for one in findings if one["severity"] != "ok"}

    return examine


def test_all_is_well(examine: Examine) -> None:
    """With valid settings and seeds there is no finding, and the exit status is 0."""
    status, findings = examine('static.seed_nodes = ["127.0.0.1:7946"]', "--probe")

    assert (status, findings) == (0, {})


def test_wrong_settings_are_errors(examine: Examine) -> None:
    """A problem of the settings names its key and its origin."""
    status, findings = examine("expected_size = 0")

    assert status == 2
    assert "cluster.expected_size" in findings["settings"]["message"]
    assert "engram.toml" in findings["settings"]["message"]


def test_a_provider_that_is_not_there_is_an_error(examine: Examine) -> None:
    """The finding names the installed provider with a similar name."""
    status, findings = examine('discovery = "statik"')

    assert status == 2
    assert 'did you mean "static"' in findings["settings"]["message"]


def test_an_empty_answer_is_a_warning(examine: Examine) -> None:
    """An empty answer may be right: the finding has a remedy, and the exit status stays 0."""
    status, findings = examine("static.seed_nodes = []", "--probe")

    assert status == 0
    assert findings["source static"]["severity"] == "warning"
    assert "first node" in findings["source static"]["remedy"]


def test_a_source_that_does_not_answer_is_named_with_a_remedy(examine: Examine) -> None:
    """The node would start and retry: exit status 1, and a remedy."""
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        settings = 'discovery = ["static", "dns"]\nstatic.seed_nodes = ["127.0.0.1:7946"]\n'
        settings += f'dns = {{service = "a.test.", nameservers = ["127.0.0.1:{port}"], timeout = "200ms"}}'

        status, findings = examine(settings, "--probe")

    assert status == 1
    assert findings["source dns"]["severity"] == "unreachable"
    assert "firewall" in findings["source dns"]["remedy"]
    assert findings["check dns"]["severity"] == "unreachable"


def test_no_source_is_called_without_probe(examine: Examine) -> None:
    """Without --probe an unreachable source is not a finding."""
    status, findings = examine(
        'discovery = "dns"\ndns = {service = "a.test.", nameservers = ["127.0.0.1:9"]}'
    )

    assert (status, findings) == (0, {})


def test_what_a_plugin_needs_and_cannot_import_is_an_error_without_probe(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Selected providers are created, though not called: a missing or old library is found before the start."""
    monkeypatch.setitem(sys.modules, "grpc", None)
    for module in [name for name in sys.modules if name.startswith("engram_discovery_etcd.")]:
        monkeypatch.delitem(sys.modules, module)

    status, findings = examine('discovery = "etcd"')

    assert status == 2
    assert "grpc" in findings["providers"]["message"]
    assert "pip install --upgrade" in findings["providers"]["message"]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put the record of a distribution on the import path: its files, and what it requires."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, *files: str, requires: str = "") -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            + (f"Requires-Dist: {requires}\n" if requires else "")
        )
        (folder / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))

    return install


def test_two_distributions_with_the_same_files_are_named(install: Callable[..., None]) -> None:
    """A requirement of a plugin that another distribution may have written over, with the order of the remedy."""
    install("Acme_Plugin", "acme_plugin/__init__.py", requires='py-acme<2,>=1.8; python_version > "3"')
    install("py-acme", "acme/__init__.py", "acme/api.py", "acme/NOTES")
    install("python-acme", "acme/__init__.py", "acme/aio.py", "acme/NOTES")
    install("acme-extras", "acme/extras.py")

    (found,) = find_overwritten("acme-plugin")

    assert found.message.startswith("needs py-acme, but python-acme installs acme/__init__.py too")
    assert found.remedy.endswith('pip uninstall -y python-acme py-acme && pip install "py-acme<2,>=1.8"')


def test_nothing_here_is_written_over() -> None:
    """Namespace packages, which several distributions share, are no finding: protobuf's is one."""
    assert [find_overwritten(f"engram-discovery-{name}") for name in ("consul", "etcd")] == [[], []]


def test_there_is_a_remedy_for_every_kind_of_failure() -> None:
    """Every kind of failure has a remedy."""
    assert _REMEDIES.keys() == set(FailureKind)


def test_text_output_is_one_line_per_finding(tmp_path: Path) -> None:
    """Without --json each finding is a line that starts with its severity."""
    path = tmp_path / "engram.toml"
    path.write_text("[cluster]\nenabled = true\n")

    result = CliRunner().invoke(doctor, ["-c", str(path)])

    assert "ok           settings: can be used" in result.output
    assert "ok           plugin static: loaded, from engram-discovery-static" in result.output
