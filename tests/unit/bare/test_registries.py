"""What a root is given to reach the package registries: the clients' own configuration, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bare.registries import client_environment


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/go").mkdir()
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://pypi.example.test/simple\nfind-links = /opt/wheels\n"
        "extra-index-url =\n    https://a.example.test\n    https://b.example.test\n"
    )
    (tmp_path / ".config/go/env").write_text("GOPROXY=https://go.example.test\nGOFLAGS=-mod=mod\n")
    return tmp_path


def test_configuration_files_become_variables(home: Path) -> None:
    """Those of pip and Go; a list takes one line."""
    assert client_environment(home, {}) == {
        "PIP_INDEX_URL": "https://pypi.example.test/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example.test https://b.example.test",
        "GOPROXY": "https://go.example.test",
    }


def test_variables_win_over_files(home: Path) -> None:
    """As they do for pip and Go themselves."""
    found = client_environment(home, {"GOPROXY": "off", "https_proxy": "http://proxy.example.test"})

    assert found["GOPROXY"] == "off"
    assert found["https_proxy"] == "http://proxy.example.test"


def test_nothing_else_of_the_machine_is_taken(tmp_path: Path) -> None:
    """No path, no language, no cache."""
    variables = {"PATH": "/opt/bin", "LANG": "C", "PYTHONPATH": "x", "GOFLAGS": "-v", "PIP_FIND_LINKS": "/w"}

    assert client_environment(tmp_path, variables) == {}
