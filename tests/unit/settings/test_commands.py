"""The commands of ``engram-discovery config``, with the installed providers."""

from __future__ import annotations

import base64
import json
import logging
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from engram_discovery.cli.main import cli

if TYPE_CHECKING:
    from click.testing import Result

CANARY = "cAnary-7d1f-sEcret"
KEY = base64.b64encode(CANARY.encode() + b"k" * 14).decode()


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENGRAM_CONFIG", raising=False)


def _run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["config", *arguments], env=env)


def _write(toml: str, name: str = "engram.toml") -> None:
    path = Path(name)
    path.touch(mode=0o600)
    path.write_text(toml)


def test_show_prints_value_and_origin_of_every_setting() -> None:
    """Each setting has one line: key, value, and the file and line, variable or option that set it."""
    _write('[cluster]\nzone = "a"\n[cluster.join]\ntimeout = "1m30s"\n')

    result = _run("show", "--set", "join.min_peers=2", env={"ENGRAM_CLUSTER__NAME": "n"})

    lines = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()}
    assert result.exit_code == 0
    assert lines["cluster.zone"] == ['"a"', "engram.toml:2"]
    assert lines["cluster.join.timeout"] == ["1m30s", "engram.toml:4"]
    assert lines["cluster.name"] == ['"n"', "ENGRAM_CLUSTER__NAME"]
    assert lines["cluster.join.min_peers"] == ["2", "--set", "cluster.join.min_peers"]
    assert lines["cluster.network.swim_bind"] == ['"0.0.0.0:7946"', "default"]


def test_show_dims_the_defaults() -> None:
    """Defaults are dimmed on a terminal."""
    result = CliRunner().invoke(cli, ["config", "show", "--set", "zone=a"], color=True)

    lines = {line.split()[0].removeprefix("\x1b[2m"): line for line in result.output.splitlines()}
    assert lines["cluster.name"].startswith("\x1b[2m")
    assert not lines["cluster.zone"].startswith("\x1b[2m")


def test_show_as_json_is_for_programs() -> None:
    """The JSON has plain values and marks defaults."""
    result = _run("show", "--json", "--set", "health.interval=90s")

    found = {row["key"]: row for row in json.loads(result.stdout)}
    assert found["cluster.health.interval"] == {
        "key": "cluster.health.interval",
        "value": 90.0,
        "origin": "--set cluster.health.interval",
        "default": False,
    }
    assert found["cluster.replication.placement"]["value"] == "random"
    assert found["cluster.name"]["default"] is True


def test_show_has_the_keys_of_the_selected_provider() -> None:
    """The selected provider's settings are shown with its defaults."""
    result = _run("show", "--json", "--set", "enabled=true", "--set", "static.seed_nodes=a,b:1")

    found = {row["key"]: row["value"] for row in json.loads(result.stdout)}
    assert found["cluster.static.seed_nodes"] == ["a:7946", "b:1"]


def test_check_reports_every_problem_and_exits_with_2() -> None:
    """Each problem is one line on standard error, and the exit status is 2."""
    _write('[cluster]\nenabled = true\nnme = 1\n[cluster.static]\nseed_nodes = ["a:0"]')

    result = _run("check")

    assert result.exit_code == 2
    assert result.stdout == ""
    problems = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split()[1] for line in problems] == ["cluster.nme:", "cluster.static.seed_nodes[0]:"]


def test_check_as_json_is_for_programs() -> None:
    """The JSON has key, found, origin and remedy of each problem, and the warnings; the exit status is 2."""
    _write("[cluster]\nnme = 1")

    result = _run("check", "--json")

    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"], report["warnings"]) == (2, False, [])
    assert report["problems"] == [
        {
            "key": "cluster.nme",
            "found": "unknown key",
            "origin": "engram.toml:2",
            "remedy": "did you mean name?",
        }
    ]


@pytest.mark.parametrize("command", ["show", "check"])
def test_settings_that_can_be_used_pass_with_their_warnings(command: str) -> None:
    """Warnings go to standard error and do not change the exit status."""
    result = _run(command, "--set", "enabled=true")

    assert result.exit_code == 0
    assert "is not encrypted" in result.stderr
    assert "is not encrypted" not in result.stdout


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_missing_file_is_an_error_and_no_traceback(command: str) -> None:
    """A file that is named but missing is an error."""
    result = _run(command, "--config", "nowhere.toml")

    assert result.exit_code == 2
    assert "settings file not found: nowhere.toml" in result.stderr
    assert "Traceback" not in result.output


def test_explain_lists_all_layers_and_marks_the_effective_one() -> None:
    """Each layer that sets the key has a line, lowest first; the last one is in force."""
    _write('[cluster]\nzone = "a"')
    _write('[cluster]\nzone = "b"', "more.toml")

    result = _run(
        "explain", "zone", "-c", "engram.toml", "-c", "more.toml", "--set", "zone=d",
        env={"ENGRAM_CLUSTER__ZONE": "c"},
    )  # fmt: skip

    assert [line.split() for line in result.output.splitlines()][-4:] == [
        ["file", '"a"', "(engram.toml:2)"],
        ["file", '"b"', "(more.toml:2)"],
        ["environment", '"c"', "(ENGRAM_CLUSTER__ZONE)"],
        ["command", "line", '"d"', "(--set", "cluster.zone)", "<-", "in", "force"],
    ]


def test_explain_works_on_settings_that_cannot_be_used() -> None:
    """The layers and the problem of a wrong key are shown."""
    _write("[cluster]\nexpected_size = 0\nnme = 1")

    result = _run("explain", "cluster.expected_size")

    assert "(engram.toml:2)" in result.stdout
    assert "expected an integer of at least 1, got 0" in result.stderr
    assert "nme" not in result.stderr


def test_explain_covers_defaults_and_the_keys_of_installed_providers() -> None:
    """A key that no layer sets is explained too."""
    result = _run("explain", "static.seed_nodes")

    assert result.exit_code == 0
    assert "the default is in force" in result.stdout


@pytest.mark.parametrize("key", ["network", "cluster.network"])
def test_explain_names_the_keys_of_a_table(key: str) -> None:
    """A table is not a key; the error lists its keys."""
    result = _run("explain", key)

    assert result.exit_code == 2
    assert "cluster.network is not a key; it is a table of cluster.network.swim_bind, " in " ".join(
        result.output.split()
    )
    assert "a table of cluster.enabled" in " ".join(_run("explain", "cluster").output.split())


def test_explain_suggests_the_nearest_key() -> None:
    """A misspelt key is a usage error that suggests the nearest key."""
    result = _run("explain", "network.swim_bnd")

    assert result.exit_code == 2
    assert "did you mean cluster.network.swim_bind?" in result.stderr


def test_init_writes_settings_that_can_be_used() -> None:
    """The file that ``init`` writes passes ``check``, also with each commented default made active."""
    written = _run("init", "static")
    checked = _run("check")
    text = Path("engram.toml").read_text()
    _write("".join(line.removeprefix("# ") + "\n" for line in text.splitlines() if _is_setting(line)))
    checked_open = _run("check")

    assert (written.exit_code, checked.exit_code) == (0, 0)
    assert tomllib.loads(text)["cluster"]["discovery"] == "static"
    assert (checked_open.exit_code, checked_open.stderr.count("error")) == (0, 0)
    assert len(tomllib.loads(Path("engram.toml").read_text())["cluster"]["network"]) == 5


def _is_setting(line: str) -> bool:
    return not line.startswith("# ") or (" = " in line and "…" not in line)


def test_init_never_overwrites() -> None:
    """An existing file is not overwritten."""
    _write("[cluster]\n# mine\n")

    result = _run("init", "static")

    assert result.exit_code == 2
    assert "file exists" in result.stderr
    assert "# mine" in Path("engram.toml").read_text()


def test_init_of_a_provider_that_is_not_installed_names_those_that_are() -> None:
    """The error lists the installed providers."""
    result = _run("init", "unknown")

    assert result.exit_code == 2
    assert "static" in result.stderr


def test_init_can_write_to_standard_output() -> None:
    """``--output -`` writes to standard output and creates no file."""
    result = _run("init", "static", "--output", "-")

    assert tomllib.loads(result.stdout)["cluster"]["enabled"] is True
    assert not Path("engram.toml").exists()


@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"], ["check"], ["explain", "zone"]])
def test_control_characters_and_invalid_utf8_are_escaped(arguments: list[str]) -> None:
    """Invalid UTF-8 and control characters in keys and values are shown escaped."""
    _write('[cluster]\nzone = "\\u001b[31m"\n')

    good = _run(*arguments, env={"ENGRAM_CLUSTER__ZONE": "\udcff\x9b31m"})
    _write('[cluster]\n"\\u001b[31m\\n" = 1\n')
    bad = _run(*arguments)

    shown = good.output + good.stderr + bad.output + bad.stderr
    assert (good.exception, good.exit_code) == (None, 0)
    assert "\x1b" not in shown
    assert "\x9b" not in shown


CASES: list[list[str]] = [
    ["show"],
    ["show", "--json"],
    ["check"],
    ["check", "--json"],
    ["explain", "security.keys"],
    ["show", "--set", f"security.keys={CANARY}"],
    ["check", "--json", "--set", f"security.keys={KEY},{KEY}"],
    ["explain", "security.keys", "--set", f"security.keys={CANARY}"],
    ["check", "--set", f"security.kys={CANARY}"],
    ["check", "--config", "broken.toml"],
    ["schema"],
    ["reference"],
    ["init", "static"],
]


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_no_command_prints_or_logs_a_secret(arguments: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """No output and no log of any command contains a secret of any layer, also after errors."""
    caplog.set_level(logging.DEBUG)
    security = f'[cluster.security]\nkeys = ["{KEY}"]\n'
    _write(f'[cluster]\nenabled = true\n{security}[cluster.other]\ntoken = "{CANARY}"')
    _write(f'[cluster.other]\npassword = "{CANARY}"', ".secrets.toml")
    _write(f'[cluster.other]\ntoken = "{CANARY}', "broken.toml")

    result = _run(*arguments, env={"ENGRAM_CLUSTER__OTHER__THIRD": CANARY})

    shown = result.output + result.stderr + caplog.text + repr(result.exception)
    assert shown
    for secret in (CANARY, KEY):
        assert secret not in shown


def _schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run("schema").stdout)
    return found


def test_the_schema_accepts_what_loading_accepts() -> None:
    """The schema accepts a list written as text, and refuses a name with a space."""
    definitions = _schema()["$defs"]

    cluster, static = (definitions[name]["properties"] for name in ("ClusterSettings", "StaticSettings"))
    for schema in (cluster["spaces"], static["seed_nodes"]):
        assert [option["type"] for option in schema["anyOf"][:2]] == ["array", "string"]
    assert re.search(cluster["node_id"]["pattern"], "node-1")
    assert not re.search(cluster["node_id"]["pattern"], "node 1")
    timeout = definitions["JoinSettings"]["properties"]["timeout"]
    assert {"type": "number", "exclusiveMinimum": 0} in timeout["anyOf"]


def test_the_schema_has_every_key_of_host_and_providers() -> None:
    """The schema has all keys, their aliases, and the tables of installed providers."""
    schema = _schema()

    cluster = schema["$defs"]["ClusterSettings"]["properties"]
    health = schema["$defs"]["HealthSettings"]["properties"]
    assert {"enabled", "network", "static", "discovery"} <= set(cluster)
    assert {"interval", "interval_sec", "interval_ms"} <= set(health)
    assert "keys_file" in schema["$defs"]["SecuritySettings"]["properties"]
    assert {"type": "string"} in cluster["discovery"]["anyOf"]
