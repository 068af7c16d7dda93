"""All problems are reported at once: key, found, origin, remedy."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, Field, field_validator, model_validator

from engram_discovery.errors import SettingsError
from engram_discovery.settings import settings_from
from engram_discovery.settings.load import try_load
from engram_discovery.settings.models import RESERVED_TABLES
from tests.support.sample_providers import Installed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.settings.conftest import Load

KEY = base64.b64encode(b"k" * 32).decode()
KEY_2 = base64.b64encode(b"l" * 32).decode()


def test_all_problems_of_all_layers_come_in_one_error(load: Load, tmp_path: Path) -> None:
    """File, secrets file, environment, command line and a provider's table are all checked."""
    toml = """
[cluster]
enabled = true
discovery = "dns"
nme = "x"
[cluster.dns]
port = "http"
"""

    with pytest.raises(SettingsError) as raised:
        load(
            toml,
            secrets='[cluster.join]\ntimeout = "soon"',
            env={"ENGRAM_CLUSTER__ENABLD": "false"},
            cli_overrides=["cluster.network.swim_bind=:0"],
            host=Installed(),
        )

    file, secrets = tmp_path / "engram.toml", tmp_path / ".secrets.toml"
    shown = [
        str(problem).replace("a host name of 1 to 253 characters", "an address")
        for problem in raised.value.problems
    ]
    assert shown == [
        f'cluster.dns.port: expected an integer 1..65535, got "http" (from {file}:7)',
        "cluster.dns.service: required, but not set; set it",
        "cluster.enabld: unknown key (from ENGRAM_CLUSTER__ENABLD); did you mean enabled?",
        f'cluster.join.timeout: expected a duration such as 30, "30s" or "1m30s" (from {secrets}:2)',
        'cluster.network.swim_bind: expected an address, got ":0" (from --set cluster.network.swim_bind)',
        f"cluster.nme: unknown key (from {file}:5); did you mean name?",
    ]


def test_problems_of_a_provider_come_with_those_between_keys(load: Load) -> None:
    """Rules between keys, and every selected provider, are reported together."""
    toml = (
        '[cluster]\nenabled = true\nexpected_size = 1\ndiscovery = ["dns", "static"]\n'
        '[cluster.dns]\nport = "http"\n[cluster.static]\nseed_nodes = ["a:1", "b:0"]\nseeds = 1'
    )

    with pytest.raises(SettingsError) as raised:
        load(toml, host=Installed())

    assert [(problem.key, problem.found) for problem in raised.value.problems] == [
        ("cluster.dns.port", 'expected an integer 1..65535, got "http"'),
        ("cluster.dns.service", "required, but not set"),
        ("cluster.replication.factor", "2 replicas need as many nodes, but cluster.expected_size is 1"),
        ("cluster.static.seed_nodes[1]", 'expected a port 1..65535 after the colon, got "b:0"'),
        ("cluster.static.seeds", "unknown key"),
    ]


@pytest.mark.parametrize("wrong", ["enabled = 3", "nme = 1", 'expected_size = "many"', "join = 1"])
def test_a_wrong_key_hides_no_other_problem(load: Load, wrong: str) -> None:
    """With a problem in the host's table, the rules between its other keys and the provider are checked too."""
    toml = f"""
[cluster]
{"" if "enabled" in wrong else "enabled = true"}
{wrong}
discovery = "consul"
health.critical_below = 0.9
"""

    with pytest.raises(SettingsError) as raised:
        load(toml, host=Installed())

    assert [problem.key for problem in raised.value.problems] == sorted(
        [f"cluster.{wrong.split(maxsplit=1)[0]}", "cluster.discovery", "cluster.health.critical_below"]
    )


def test_nothing_is_derived_from_the_default_of_a_wrong_key(load: Load) -> None:
    """A rule between two keys is left out if one of them is wrong itself, and nothing is loaded for a wrong table."""
    toml = """
[cluster]
enabled = true
expected_size = "many"
ready_requires = "expected_size"
discovery = "consul"
network.swim_bind = "127.0.0.1:x"
security.require_encryption = true
plugins.deny = 1
"""

    with pytest.raises(SettingsError) as raised:
        load(toml, host=Installed())

    assert [problem.key for problem in raised.value.problems] == [
        "cluster.expected_size",
        "cluster.network.swim_bind",
        "cluster.plugins.deny",
    ]


RULES: dict[str, tuple[dict[str, Any], str]] = {
    "replicas": ({"expected_size": 2, "replication": {"factor": 3}}, "cluster.replication.factor"),
    "readiness": ({"ready_requires": "expected_size"}, "cluster.ready_requires"),
    "thresholds": (
        {"health": {"critical_below": 0.9, "degraded_below": 0.8}},
        "cluster.health.critical_below",
    ),
    "same port": (
        {"network": {"swim_bind": "127.0.0.1:1", "api_bind": "127.0.0.1:1"}},
        "cluster.network.api_bind",
    ),
    "same port, wildcard": (
        {"network": {"swim_bind": "[::]:1", "api_bind": "127.0.0.1:1"}},
        "cluster.network.api_bind",
    ),
    "probe": ({"swim": {"probe_interval": 1, "probe_timeout": "1s"}}, "cluster.swim.probe_timeout"),
    "plugins": ({"plugins": {"allow": ["a", "b"], "deny": ["b"]}}, "cluster.plugins.deny"),
    "unencrypted": ({"security": {"require_encryption": True}}, "cluster.security.keys"),
    "no provider": ({"discovery": []}, "cluster.discovery"),
    "reserved": ({"discovery": "network"}, "cluster.discovery"),
    "short key": ({"security": {"keys": ["YWJj"]}}, "cluster.security.keys"),
    "no base64": ({"security": {"keys": ["%%%"]}}, "cluster.security.keys"),
    "same key": ({"security": {"keys": [KEY, KEY]}}, "cluster.security.keys"),
    "wildcard": ({"advertise": "0.0.0.0:7946"}, "cluster.advertise"),
    "node id": ({"node_id": "a" * 51}, "cluster.node_id"),
    "cluster name": ({"name": ""}, "cluster.name"),
    "placement": ({"replication": {"placement": "Random"}}, "cluster.replication.placement"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_one_problem_at_one_key(rule: str) -> None:
    """A broken rule is reported at the key that must be changed."""
    cluster, key = RULES[rule]

    with pytest.raises(SettingsError) as raised:
        settings_from({"cluster": {"enabled": True, **cluster}})

    assert [problem.key for problem in raised.value.problems] == [key]


ALLOWED: list[dict[str, Any]] = [
    {},
    {"expected_size": 2, "replication": {"factor": 2}},
    {"network": {"swim_bind": "127.0.0.1:1", "api_bind": "127.0.0.2:1"}},
    {"security": {"require_encryption": True, "keys": [KEY, KEY_2]}},
    {"security": {"require_encryption": True}, "network": {"swim_bind": "127.0.0.1:1"}},
    {"health": {"critical_below": 0.8}},
    {"ready_requires": "expected_size", "expected_size": 2},
]


@pytest.mark.parametrize("cluster", ALLOWED)
def test_settings_that_keep_the_rules_are_accepted(cluster: dict[str, Any]) -> None:
    """Valid combinations of keys are accepted."""
    settings_from({"cluster": {"enabled": True, **cluster}})


@pytest.mark.parametrize(
    ("cluster", "warned"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"security": {"keys": [KEY]}}, False),
        ({"network": {"swim_bind": "[::1]:1"}}, False),
    ],
)
def test_unencrypted_gossip_beyond_loopback_is_a_warning(cluster: dict[str, Any], *, warned: bool) -> None:
    """The defaults are valid, and warn that any process that reaches the node can join."""
    settings = settings_from({"cluster": {"enabled": True, **cluster}})

    assert ["cluster.security.keys" in str(warning) for warning in settings.warnings] == [True] * warned


def test_a_provider_that_is_not_installed_is_an_error_if_selected(load: Load) -> None:
    """The error names the origin of the selection and the command that installs the provider."""
    with pytest.raises(SettingsError) as raised:
        load('[cluster]\nenabled = true\ndiscovery = "consul"', host=Installed())

    message = str(raised.value)
    assert "pip install engram-discovery[consul]" in message
    assert "engram.toml:3" in message


def test_a_table_of_a_provider_that_is_not_installed_is_a_warning(load: Load) -> None:
    """A table of a provider that is not installed is a warning, so one file can serve several installations."""
    settings = load(
        "[cluster]\nenabled = true\n[cluster.consul]\nx = 1\n[cluster.dnss]\ny = 1", host=Installed()
    )

    found = {warning.key: warning.remedy for warning in settings.warnings}
    assert "cluster.consul" in found
    assert found["cluster.dnss"] == "did you mean dns?"


@pytest.mark.parametrize("toml", ['enabled = true\ndiscovery = "dns"', '[network]\nswim_bind = "a:1"'])
def test_cluster_keys_outside_the_table_are_a_warning(load: Load, toml: str) -> None:
    """Keys of ``[cluster]`` at the top of a file cause warnings, unless the file has that table."""
    forgotten = load(toml).warnings

    assert [str(warning).partition(" (from ")[0] for warning in forgotten] == [
        f"{key}: ignored, because it is not in [cluster]"
        for key in ("enabled", "discovery", "network")
        if key in toml
    ]
    assert not load(f"{toml}\n[cluster]\nenabled = false").warnings


def test_a_list_of_tables_is_refused_with_a_remedy(load: Load) -> None:
    """``[[table]]`` is refused with the remedy ``[table]``, for the host's tables and a provider's."""
    with pytest.raises(SettingsError) as raised:
        load('[[cluster.network]]\nswim_bind = "a:1"\n[[cluster.static]]\nseed_nodes = ["a:1"]')

    assert [problem.remedy for problem in raised.value.problems] == [
        "write [cluster.network], not [[cluster.network]]",
        "write [cluster.static], not [[cluster.static]]",
    ]


def test_a_misspelt_table_is_reported_once_with_its_line(tmp_path: Path) -> None:
    """A misspelt table is reported as an error and not again as a warning."""
    path = tmp_path / "engram.toml"
    path.write_text("[clutser]\nx = 1\n[cluster]\nenabled = true\n[cluster.netwrok]\ny = 1")

    result = try_load(path, environ={}, host=Installed())

    assert [(problem.key, problem.origin.rpartition(":")[2]) for problem in result.problems] == [
        ("clutser", "2"),
        ("cluster.netwrok", "6"),
    ]
    assert [warning.key for warning in result.warnings] == ["cluster.security.keys"]


@pytest.mark.parametrize("table", ["netwrok", "helth", "securty", "statc"])
def test_a_misspelt_table_of_the_host_or_a_selected_provider_is_an_error(load: Load, table: str) -> None:
    """A table whose name resembles one of the host or of a selected provider is an error."""
    with pytest.raises(SettingsError, match=f"cluster.{table}: unknown table .* did you mean"):
        load(f"[cluster.{table}]\nx = 1")


@pytest.mark.parametrize(
    "name", ["network", "swim", "replication", "health", "plugins", "registration", "join"]
)
def test_names_of_the_hosts_tables_are_reserved(name: str) -> None:
    """A provider cannot have the name of a key of the host."""
    assert name in RESERVED_TABLES


def test_the_rules_of_a_plugins_model_are_reported_like_those_of_the_host(load: Load) -> None:
    """Validators of a field or a whole model, of any pydantic model, become problems with key and origin."""

    class Own(BaseModel):
        a: int = 1
        b: int = 2

        @field_validator("a")
        @classmethod
        def _odd(cls, value: int) -> int:
            if value % 2 == 0:
                raise ValueError("expected an odd number")
            return value

        @model_validator(mode="after")
        def _sum(self) -> Own:
            if self.a + self.b > 10:
                raise ValueError("expected a and b to make 10 at most")
            return self

    toml = '[cluster]\nenabled = true\ndiscovery = "own"\n[cluster.own]\n'
    with pytest.raises(SettingsError, match=r"cluster\.own\.a: expected an odd number, got 2 \(from .*:5\)"):
        load(f"{toml}a = 2", host=Installed({"own": Own}))
    with pytest.raises(SettingsError, match=r"cluster\.own: expected a and b to make 10 at most"):
        load(f"{toml}a = 3\nb = 9", host=Installed({"own": Own}))


def test_a_pattern_and_a_length_are_named(load: Load) -> None:
    """Text of the wrong form is reported with its rule, not as a value of another type."""

    class Own(BaseModel):
        a: str = Field(default="x", pattern="^[a-z]$")
        b: str = Field(default="", max_length=2)

    toml = '[cluster]\nenabled = true\ndiscovery = "own"\n[cluster.own]\na = "1"\nb = "123"'
    with pytest.raises(SettingsError) as raised:
        load(toml, host=Installed({"own": Own}))

    assert [problem.found for problem in raised.value.problems] == [
        """string should match pattern '^[a-z]$', got "1\"""",
        'string should have at most 2 characters, got "123"',
    ]


def test_a_value_in_an_error_is_short(load: Load) -> None:
    """An error cuts a long value."""
    with pytest.raises(SettingsError) as raised:
        load(overrides={"expected_size": "x" * 1_000_000})

    assert len(str(raised.value)) < 300
