"""What users install: a bare host, from wheels, into a clean environment, by pip and by uv."""

from __future__ import annotations

import json
import subprocess
import zipfile
from email import message_from_string
from typing import TYPE_CHECKING, Any

import pytest

from tests.packaging.conftest import TIMEOUT, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(2 * TIMEOUT)

DISCOVER = """
import asyncio
from engram_discovery.runtime.clock import SystemClock
from engram_discovery.hookspecs import PluginContext
from engram_discovery.runtime.log import get_logger
from engram_discovery.host import PluginHost

host = PluginHost()
settings = host.provider("static").settings_model(seed_nodes=["127.0.0.1:7946"])
context = PluginContext(provider="static", identity=None, logger=get_logger("test"), clock=SystemClock())
found = asyncio.run(host.create_discoverer("static", settings, context).discover())
print(*found.endpoints)
"""


def test_the_bare_host_lists_static(python: Any, tmp_path: Path) -> None:
    """``pip install engram-discovery`` brings the default provider, and it loads."""
    listed = json.loads(run(python.parent / "engram-discovery", "plugins", "--all", "--json", cwd=tmp_path))
    plugins = {plugin["name"]: plugin for plugin in listed}

    assert plugins["static"]["state"] == "loaded"
    assert plugins["static"]["distribution"] == "engram-discovery-static"


def test_the_bare_host_discovers(python: Any, tmp_path: Path) -> None:
    """The installed provider answers."""
    assert run(python, "-c", DISCOVER, cwd=tmp_path).strip() == "127.0.0.1:7946"


@pytest.mark.parametrize(
    ("extra", "settings"),
    [
        ("dns", 'service = "_g._tcp.example.test."\nnameservers = ["127.0.0.1:9"]'),
        ("consul", 'addr = "127.0.0.1:9"\nservice_name = "engram"'),
        ("etcd", 'endpoints = ["127.0.0.1:9"]'),
    ],
)
def test_each_plugin_works_alone_with_the_host(
    install_extra: Any, tmp_path: Path, extra: Any, settings: Any
) -> None:
    """From its extra alone: it loads, its settings are checked, and a server that is away is told in words."""
    python = install_extra(extra)
    command = python.parent / "engram-discovery"
    (tmp_path / "engram.toml").write_text(
        f'[cluster]\nenabled = true\ndiscovery = "{extra}"\n[cluster.{extra}]\n{settings}\n'
    )

    listed = json.loads(run(command, "plugins", "--all", "--json", cwd=tmp_path))
    run(command, "config", "check", cwd=tmp_path)
    asked = subprocess.run(
        [command, "discover", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    states = {plugin["name"]: plugin["state"] for plugin in listed}
    assert states == {extra: "loaded", "static": "loaded", "kinship": "loaded"}
    assert (asked.returncode, json.loads(asked.stdout)["outcome"]) == (1, "failed")
    assert "refused" in asked.stdout
    assert "Traceback" not in asked.stderr


def test_a_provider_that_is_not_installed_is_explained(python: Any, tmp_path: Path) -> None:
    """The install hint is made from the metadata of the wheel."""
    program = "from engram_discovery.host import PluginHost\ntry: PluginHost().provider('consul')\n"
    program += "except Exception as error: print(error)"

    said = run(python, "-c", program, cwd=tmp_path)

    assert 'pip install "engram-discovery[consul]"' in said


@pytest.mark.parametrize(
    ("pattern", "package"),
    [
        ("engram_discovery-*.whl", "engram_discovery"),
        ("engram_discovery_static-*.whl", "engram_discovery_static"),
        ("engram_discovery_dns-*.whl", "engram_discovery_dns"),
        ("engram_discovery_consul-*.whl", "engram_discovery_consul"),
        ("engram_discovery_etcd-*.whl", "engram_discovery_etcd"),
    ],
)
def test_a_wheel_holds_types_licence_and_nothing_else(wheels: Path, pattern: Any, package: Any) -> None:
    """A wheel is typed and licensed, and carries neither tests nor the other package."""
    [wheel] = wheels.glob(pattern)

    names = zipfile.ZipFile(wheel).namelist()

    assert f"{package}/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {package}


def test_every_provider_of_ours_has_an_extra(wheels: Path) -> None:
    """The extras that the documentation names are in the metadata of the wheel."""
    [wheel] = wheels.glob("engram_discovery-*.whl")
    archive = zipfile.ZipFile(wheel)
    [path] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]

    extras = message_from_string(archive.read(path).decode()).get_all("Provides-Extra")

    assert {"static", "dns", "consul", "etcd", "all"} <= set(extras or ())
