"""Precedence of the layers, and that no other source is read."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_discovery.errors import SettingsError
from engram_discovery.settings import Layer, Origin, load_settings, settings_from
from engram_discovery.settings.load import merge
from engram_discovery.settings.origins import Leaf
from tests.support.sample_providers import Installed

if TYPE_CHECKING:
    from tests.unit.settings.conftest import Load

LAYERS = list(Layer)[1:]


def _sources(key: str, values: dict[Layer, str]) -> dict[str, Any]:
    """Set ``key = value`` in each of the layers."""
    table, _, name = key.rpartition(".")
    toml = {layer: f'[{table}]\n{name} = "{value}"\n' for layer, value in values.items()}
    variable = "ENGRAM_" + key.upper().replace(".", "__")
    found: dict[str, Any] = {
        "toml": toml.get(Layer.FILE, ""),
        "secrets": toml.get(Layer.SECRETS, ""),
    }
    if Layer.ENVIRONMENT in values:
        found["env"] = {variable: values[Layer.ENVIRONMENT]}
    if Layer.COMMAND_LINE in values:
        found["cli_overrides"] = [f"{key}={values[Layer.COMMAND_LINE]}"]
    if Layer.KEYWORD in values:
        found["overrides"] = {key: values[Layer.KEYWORD]}
    return found


@pytest.mark.parametrize("key", ["cluster.zone", "cluster.network.swim_bind"])
@pytest.mark.parametrize(("lower", "higher"), list(combinations(LAYERS, 2)), ids=str)
def test_the_higher_of_two_layers_takes_precedence(load: Load, key: str, lower: Layer, higher: Layer) -> None:
    """Of each pair of layers, the one with higher precedence is effective, also in a nested table."""
    values = {lower: "127.0.0.1:1", higher: "127.0.0.1:2"}

    settings = load(**_sources(key, values))

    table = settings.cluster if key == "cluster.zone" else settings.cluster.network
    assert getattr(table, key.rpartition(".")[2]) == "127.0.0.1:2"
    assert settings.origins[key].layer is higher
    assert [leaf.origin.layer for leaf in settings.origins.layers_of(key)] == [lower, higher]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_layer_replaces_only_the_keys_that_it_sets(load: Load, layer: Layer) -> None:
    """A layer that sets one key of a table keeps the other keys of lower layers and defaults."""
    sources = _sources("cluster.network.swim_bind", {layer: "127.0.0.1:2"})
    sources["toml"] += '[cluster.join]\nmin_peers = 3\n[cluster]\nzone = "a"\n'

    settings = load(**sources)

    assert settings.cluster.network.api_bind == "0.0.0.0:50051"
    assert settings.cluster.join.min_peers == 3
    assert settings.cluster.zone == "a"


def test_the_secrets_file_does_not_erase_the_rest_of_its_table(load: Load) -> None:
    """Tables of the settings file and the secrets file are merged key by key."""
    settings = load(
        '[cluster]\nzone = "a"\n[cluster.join]\nmin_peers = 3\ntimeout = 1',
        secrets="[cluster.join]\ntimeout = 2",
    )

    assert (settings.cluster.zone, settings.cluster.join.min_peers) == ("a", 3)
    assert settings.cluster.join.timeout == 2


@pytest.mark.parametrize("layer", LAYERS[1:], ids=str)
def test_lists_are_replaced_and_not_joined(load: Load, layer: Layer) -> None:
    """A list of a higher layer replaces that of a lower one."""
    sources = _sources("cluster.spaces", {layer: "c"})
    sources["toml"] = '[cluster]\nspaces = ["a", "b"]'

    settings = load(**sources)

    assert settings.cluster.spaces == ("c",)


def test_an_empty_list_replaces_too(load: Load) -> None:
    """An empty list of a higher layer replaces that of a lower one."""
    settings = load('[cluster]\nspaces = ["a"]', overrides={"spaces": []})

    assert settings.cluster.spaces == ()


def test_a_later_file_takes_precedence(tmp_path: Path) -> None:
    """A later file takes precedence; the secrets file is the one beside the last."""
    first, second = tmp_path / "a.toml", tmp_path / "later" / "b.toml"
    second.parent.mkdir()
    first.write_text('[cluster]\nzone = "a"\nspaces = ["a"]\n[cluster.join]\nmin_peers = 2')
    second.write_text('[cluster]\nzone = "b"\n[cluster.join]\ntimeout = 1')
    (tmp_path / ".secrets.toml").write_text('[cluster]\nname = "wrong"')
    (second.parent / ".secrets.toml").write_text('[cluster]\nname = "right"')

    cluster = load_settings(first, second, environ={}).cluster

    assert (cluster.zone, cluster.spaces, cluster.name) == ("b", ("a",), "right")
    assert (cluster.join.min_peers, cluster.join.timeout) == (2, 1)


def test_engram_config_names_the_files(tmp_path: Path) -> None:
    """``ENGRAM_CONFIG`` lists files separated as in PATH; files given in code replace it."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text('[cluster]\nzone = "a"\nname = "a"')
    second.write_text('[cluster]\nzone = "b"')
    environ = {"ENGRAM_CONFIG": f"{first}{os.pathsep}{second}"}

    named = load_settings(environ=environ).cluster
    given = load_settings(first, environ=environ).cluster

    assert (named.zone, named.name, given.zone) == ("b", "a", "a")


@pytest.mark.parametrize("by", ["argument", "ENGRAM_CONFIG"])
def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path, by: str) -> None:
    """A missing settings file is an error, so that no node starts as a single node without it."""
    missing = tmp_path / "engram.toml"
    files = [missing] if by == "argument" else []
    environ = {"ENGRAM_CONFIG": str(missing)} if by != "argument" else {}

    with pytest.raises(SettingsError, match=f"settings file not found: {missing}") as raised:
        load_settings(*files, environ=environ)

    assert ("named by ENGRAM_CONFIG" in str(raised.value)) == (by != "argument")


def test_the_default_file_is_read_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any file given, engram.toml in the working directory is read if it exists."""
    monkeypatch.chdir(tmp_path)

    without = load_settings(environ={})
    Path("engram.toml").write_text('[cluster]\nzone = "here"')
    with_one = load_settings(environ={})

    assert (without.cluster.zone, with_one.cluster.zone) == (None, "here")
    assert without.cluster == settings_from({}).cluster


@pytest.mark.parametrize("name", ["ENGRAM_CLUSTER__NODE_ID", "ENGRAM_cluster__Node_Id"])
def test_variables_are_read_in_any_case_after_the_prefix(load: Load, name: str) -> None:
    """The key in a variable's name is converted to lower case."""
    settings = load('[cluster]\nnode_id = "file"', env={name: "env"})

    assert settings.cluster.node_id == "env"


def test_two_variables_that_differ_in_case_only_must_agree(load: Load) -> None:
    """Two spellings of one variable with different values are an error."""
    with pytest.raises(SettingsError, match="which disagree"):
        load(env={"ENGRAM_CLUSTER__ZONE": "a", "ENGRAM_CLUSTER__zone": "b"})


def test_a_key_of_a_file_in_another_case_is_unknown(load: Load) -> None:
    """Keys of a file are lower-case; another case is an unknown key."""
    with pytest.raises(SettingsError, match=r"cluster\.Zone: unknown key .* did you mean zone"):
        load('[cluster]\nZone = "a"', env={"ENGRAM_CLUSTER__ZONE": "b"})


@pytest.mark.parametrize("key", ["cluster.join.min_peers", "join.min_peers"])
def test_an_override_may_leave_out_the_table_cluster(load: Load, key: str) -> None:
    """The same key works with and without ``cluster.`` on the command line and in code."""
    by_text = load(cli_overrides=[f"{key}=4"])
    by_mapping = load(overrides={key: 4})
    by_strings = load(overrides=[f"{key}=4"])

    assert {item.cluster.join.min_peers for item in (by_text, by_mapping, by_strings)} == {4}


def test_nested_overrides_are_merged_like_a_file(load: Load) -> None:
    """Tables in a mapping of overrides are merged key by key."""
    settings = load("[cluster.join]\ntimeout = 1", overrides={"cluster": {"join": {"min_peers": 2}}})

    assert (settings.cluster.join.timeout, settings.cluster.join.min_peers) == (1, 2)


@pytest.mark.parametrize("text", ["zone", "=a", "a..b=1", ".=1"])
def test_a_command_line_override_without_key_and_value_is_an_error(load: Load, text: str) -> None:
    """``--set`` without KEY=VALUE is a problem."""
    with pytest.raises(SettingsError, match="KEY=VALUE"):
        load(cli_overrides=[text])


def test_settings_of_other_parts_of_the_program_are_ignored(load: Load) -> None:
    """Tables and variables of other parts of the program are ignored."""
    settings = load('[storage]\npath = "/x"\n[cluster]\nzone = "a"', env={"ENGRAM_STORAGE__PATH": "/y"})

    assert settings.cluster.zone == "a"
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("ENGRAM_CLUSTER_ENABLED", "ENGRAM_CLUSTER__ENABLED"),
        ("ENGRAM_CLUSTR__ENABLED", "ENGRAM_CLUSTER__ENABLED"),
        ("engram_cluster__enabled", "ENGRAM_CLUSTER__ENABLED"),
        ("ENGRAM_CONFG", "ENGRAM_CONFIG"),
    ],
)
def test_a_misspelt_variable_is_an_error(load: Load, variable: str, meant: str) -> None:
    """A misspelt variable is an error that suggests the right name."""
    with pytest.raises(SettingsError, match=f"{variable}: unknown variable; did you mean {meant}"):
        load(env={variable: "true"})


def test_a_misspelt_top_table_is_an_error(load: Load) -> None:
    """``[clutser]`` is an error that suggests ``cluster``."""
    with pytest.raises(SettingsError, match=r"clutser: unknown table .* did you mean cluster"):
        load("[clutser]\nenabled = true")


HOSTILE = {
    "SETTINGS_FILE_FOR_DYNACONF": "/nonexistent/other.toml",
    "INCLUDES_FOR_DYNACONF": '["evil.py"]',
    "LOADERS_FOR_DYNACONF": '["evil"]',
    "MERGE_ENABLED_FOR_DYNACONF": "false",
    "ENVVAR_PREFIX_FOR_DYNACONF": "EVIL",
    "ENV_FOR_DYNACONF": "production",
    "AUTO_CAST_FOR_DYNACONF": "true",
    "NAMESPACE_FOR_DYNACONF": "evil",
    "EVIL_CLUSTER__ZONE": "evil",
    "DYNACONF_CLUSTER__ZONE": "evil",
}

_SCRIPT = """
import copy, os, sys
before = dict(os.environ)
from engram_discovery.settings import load_settings
settings = load_settings("engram.toml", cli_overrides=["join.min_peers=2"])
import dynaconf.default_settings
globals_before = {k: repr(v) for k, v in vars(dynaconf.default_settings).items()}
again = load_settings("engram.toml", cli_overrides=["join.min_peers=2"])
assert dict(os.environ) == before
assert {k: repr(v) for k, v in vars(dynaconf.default_settings).items()} == globals_before
assert settings.cluster == again.cluster
assert not os.path.exists("executed"), "a settings file ran code"
print(settings.cluster.zone, settings.cluster.join.min_peers, settings.cluster.join.timeout)
print(*settings.warnings, sep="\\n")
"""


def test_variables_hooks_and_local_files_of_dynaconf_are_ignored_with_a_warning(tmp_path: Path) -> None:
    """Variables and files that dynaconf's own loaders would read cause a warning and have no other effect."""
    (tmp_path / "engram.toml").write_text('[cluster]\nzone = "mine"\n[cluster.join]\ntimeout = 7')
    (tmp_path / ".secrets.toml").write_text("[cluster.health]\ninterval = 3")
    (tmp_path / "engram.local.toml").write_text('[cluster]\nzone = "local"')
    for name in ("dynaconf_hooks.py", "evil.py"):
        (tmp_path / name).write_text("open('executed', 'w')")
    environ = {**os.environ, **HOSTILE}

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _SCRIPT],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mine 2 7.0\n")
    for name in ("LOADERS_FOR_DYNACONF", "engram.local.toml", "dynaconf_hooks.py"):
        assert name in done.stdout


@pytest.mark.parametrize(
    "text", ["@jinja {{ this }}", "@format {env[HOME]}", "@read_file /etc/hostname", "@int 5", "@none"]
)
def test_tokens_are_plain_text(load: Load, text: str) -> None:
    """A ``@token`` of dynaconf stays the text that was written."""
    from_file = load(f'[cluster]\nzone = "{text}"', cli_overrides=["name=x"])
    from_env = load(env={"ENGRAM_CLUSTER__ZONE": text}, cli_overrides=["name=x"])

    assert from_file.cluster.zone == from_env.cluster.zone == text


def test_top_level_keys_that_control_dynaconf_are_ignored_with_a_warning(load: Load) -> None:
    """Keys that control dynaconf at the top of a file cause a warning and have no other effect."""
    settings = load('dynaconf_include = ["more.toml"]\n[cluster]\nzone = "a"', cli_overrides=["name=b"])

    assert settings.cluster.zone == "a"
    assert [warning.key for warning in settings.warnings] == ["dynaconf_include"]


def test_keys_that_differ_in_case_or_by_a_space_are_different_keys(load: Load) -> None:
    """Layers are merged by the exact name of a key, also in free tables."""
    dns = '[cluster.dns]\nservice = "x"\nmeta = { Rack = "a", a_b = "1" }'
    toml = f'[cluster]\nenabled = true\ndiscovery = "dns"\n{dns}'
    overrides = {"cluster": {"dns": {"meta": {"rack": "b", "A B": "2"}}}}
    installed = Installed()

    provider: Any = load(toml, overrides=overrides, host=installed).provider_settings(
        installed.provider("dns")
    )

    assert provider.meta == {"Rack": "a", "a_b": "1", "rack": "b", "A B": "2"}


TREES = st.recursive(
    st.integers().map(lambda value: Leaf(value, Origin(Layer.KEYWORD))),
    lambda below: st.dictionaries(
        st.sampled_from(["a", "A", "b", "a b", "a_b", "dynaconf_merge", "dynaconf_merge_unique"]),
        below,
        max_size=4,
    ),
    max_leaves=12,
).filter(lambda tree: isinstance(tree, dict))


def _reference(lower: Any, higher: Any) -> Any:
    """Merge two trees: the definition that ``merge`` must match."""
    if not (isinstance(lower, dict) and isinstance(higher, dict)):
        return higher
    both = {key: _reference(lower[key], higher[key]) for key in lower if key in higher}
    return {**lower, **higher, **both}


@given(st.lists(TREES, min_size=2, max_size=4))
def test_merge_matches_its_definition(trees: list[Any]) -> None:
    """Tables are merged key by key, other values replaced, and the input layers not changed."""
    before = repr(trees)
    expected = functools.reduce(_reference, trees)

    merged = merge(trees)

    assert merged == expected
    assert repr(trees) == before


@pytest.mark.parametrize("key", ["dynaconf_merge", "dynaconf_include", "DYNACONF_MERGE_UNIQUE"])
def test_keys_that_control_dynaconf_are_unknown_keys(load: Load, key: str) -> None:
    """A key inside ``[cluster]`` that dynaconf would act on is an unknown key."""
    toml = f'[cluster.network]\n{key} = false\nswim_bind = "127.0.0.1:1"'

    with pytest.raises(SettingsError, match=f"{key}: unknown key"):
        load(toml, cli_overrides=["network.connection_pool_size=2"])


def test_settings_from_a_mapping_need_no_dynaconf() -> None:
    """Settings from a mapping do not import dynaconf."""
    script = (
        "import sys\n"
        "from engram_discovery.settings import settings_from\n"
        "assert settings_from({'cluster': {'zone': 'a'}}).cluster.zone == 'a'\n"
        "assert str(settings_from({'cluster': {'zone': 'a'}}).origins['cluster.zone']) == 'keyword'\n"
        "assert 'dynaconf' not in sys.modules\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "name", ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_GOSSIP", "PORT", "PORT_7946_TCP_ADDR"]
)
def test_variables_of_a_kubernetes_service_are_ignored(load: Load, name: str) -> None:
    """Variables that Kubernetes sets for a service engram-cluster are ignored."""
    load(env={f"ENGRAM_CLUSTER_{name}": "10.0.0.1"})
