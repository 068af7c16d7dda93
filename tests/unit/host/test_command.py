"""The command ``engram-discovery plugins``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from engram_discovery.cli.plugins import plugins_group
from engram_discovery.host import PluginHost
from tests.support.installed_plugins import Site

SOURCE = """
from enum import StrEnum
from pydantic import Field, SecretStr

class Family(StrEnum):
    V4 = "v4"
    V6 = "v6"

class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    servers: tuple[str, ...] = Field((), description="Where to ask.")
    family: Family = Field(Family.V4, description="Which addresses.")
    token: SecretStr = Field(SecretStr("canary-8d1f"), description="What to show them.")

@hookimpl
def engram_providers():
    return [ProviderInfo(name="acme", settings_model=Settings, summary="asks acme", docs_url="https://example.org/acme")]
"""


def run(site: Site, *arguments: Any) -> Any:
    host = PluginHost(entry_points=[ep for ep in site.entry_points if ep.name != "kinship"])
    return CliRunner().invoke(plugins_group, arguments, obj=host)


def test_plugins_are_listed_for_programs_without_importing_them(site: Site, plugin_source: Any) -> None:
    """``plugins --json`` is a list of records, and imports nothing."""
    site.install("acme-discovery", version="1.2", acme=plugin_source("acme"))

    result = run(site, "--json")

    assert result.exit_code == 0
    acme = json.loads(result.stdout)[0]
    assert acme == {
        "name": "acme",
        "distribution": "acme-discovery",
        "version": "1.2",
        "state": "available",
        "module": site.module("acme-discovery", "acme"),
        "providers": [],
        "capabilities": [],
        "error": None,
        "warnings": [],
    }
    assert not site.imported("acme-discovery", "acme")


def test_all_imports_and_tells_what_is_broken(site: Site, plugin_source: Any) -> None:
    """``plugins --all`` shows the providers of what works and the whole error of what does not."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    site.install("bad-discovery", bad="raise ValueError('[consul] out of order')")

    result = run(site, "--all")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any("acme" in line and "loaded" in line and "discover" in line for line in lines)
    assert any("bad" in line and "failed" in line for line in lines)
    assert any(
        line.startswith('plugin "bad" (bad-discovery 1.0) raised in its import: ValueError: [consul] out of')
        for line in lines
    )


def test_names_are_whole_however_narrow_the_terminal(
    site: Site, plugin_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long line can be read; a name that was cut off cannot."""
    monkeypatch.setenv("COLUMNS", "40")
    site.install("a-distribution-with-a-long-name", acme=plugin_source("acme"))

    result = run(site, "--all")

    assert any("a-distribution-with-a-long-name  1.0" in line for line in result.stdout.splitlines())


def test_what_is_broken_is_said_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The command shows what it found; the host's log lines about the same would only repeat it."""
    site.install("bad-discovery", bad="raise ValueError('no')")
    monkeypatch.chdir(site.path)

    result = CliRunner().invoke(plugins_group, ["--all"])

    assert result.output.count("ValueError: no") == 1
    assert caplog.records == []


def test_one_provider_is_described_for_people(site: Site) -> None:
    """``plugins show`` prints the keys of the provider's table, and no secret, not even a default."""
    site.install("acme-discovery", acme=SOURCE)

    result = run(site, "show", "acme")

    assert result.exit_code == 0
    assert "acme: asks acme" in result.stdout
    assert "[cluster.acme]" in result.stdout
    assert "https://example.org/acme" in result.stdout
    assert "Where to ask." in result.stdout
    assert "canary" not in result.stdout


def test_one_provider_is_described_for_programs(site: Site) -> None:
    """``plugins show --json`` tells key, environment variable, type, default and meaning."""
    site.install("acme-discovery", acme=SOURCE)

    result = run(site, "show", "acme", "--json")

    servers, family, token = json.loads(result.stdout)["settings"]
    assert servers == {
        "key": "cluster.acme.servers",
        "environment": "ENGRAM_CLUSTER__ACME__SERVERS",
        "type": "a list, each text",
        "default": [],
        "required": False,
        "description": "Where to ask.",
    }
    assert (family["type"], family["default"]) == ('one of "v4", "v6"', "v4")
    assert (token["type"], token["default"]) == ("text", None)
    assert "canary" not in result.output


def test_the_settings_rule_plugins_out(
    site: Site, plugin_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``cluster.plugins.deny`` of the settings holds for the command too, whatever else is in the file."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    (site.path / "engram.toml").write_text('[cluster]\ndiscovery = "nonsense"\nplugins.deny = ["acme"]\n')
    monkeypatch.chdir(site.path)

    result = CliRunner().invoke(plugins_group, ["--all", "--json"])

    states = {plugin["name"]: plugin["state"] for plugin in json.loads(result.stdout)}
    assert (states["acme"], states["static"]) == ("disabled", "loaded")
    assert not site.imported("acme-discovery", "acme")


def test_an_unknown_provider_is_a_usage_error(site: Site) -> None:
    """``plugins show`` of what is not there ends with 2 and says how to get it."""
    result = run(site, "show", "consul")

    assert result.exit_code == 2
    assert 'pip install "engram-discovery[consul]"' in result.stderr


def test_a_broken_provider_is_an_error(site: Site) -> None:
    """``plugins show`` of what cannot be imported ends with 1 and names it, without a traceback."""
    site.install("bad-discovery", bad="raise ValueError('no')")

    result = run(site, "show", "bad")

    assert result.exit_code == 1
    assert 'plugin "bad" (bad-discovery 1.0) raised in its import: ValueError: no' in result.stderr
    assert "Traceback" not in result.output
