"""Any input gives settings or problems, and never another exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram_discovery.settings.load import try_load
from engram_discovery.settings.show import explain, key_specs, rows
from tests.support.sample_providers import DnsSettings, Installed

MODELS: Any = {"dns": DnsSettings}
KEYS = sorted(key_specs(MODELS))
ENABLED = {"cluster": {"enabled": True, "discovery": "dns", "dns": {"service": "x"}}}

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "1", "-1", "1e309", "nan", "true", "[", "[]", '["a"]', "{}", "{a=1}", "file:", "file:/x"]
    ),
    st.sampled_from(
        ["0.0.0.0:0", "[::1]:1", "[::1]:1,[::2]:2", "::1", "auto", "iface:x", "30s", "0", "\x00", "\ud800"]
    ),
)
SCALARS = st.one_of(
    TEXTS, st.integers(), st.floats(), st.booleans(), st.none(), st.dates(), st.binary(max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=6,
)


def _check_result(result: Any) -> None:
    """Check that a result has either settings or problems, and can be shown."""
    assert (result.settings is None) == bool(result.problems)
    assert all(str(problem).isprintable() for problem in result.problems)
    for key in ("cluster.zone", "cluster.dns.token"):
        assert explain(key, result.origins, MODELS).key == key
    if result.settings:
        assert len(list(rows(result.settings, {}))) >= 30


@given(st.dictionaries(st.sampled_from(KEYS), TEXTS, max_size=4))
@settings(max_examples=60)
def test_any_text_in_any_variable_is_a_setting_or_a_problem(texts: dict[str, str]) -> None:
    """Any text of a variable gives a setting or a problem."""
    environ = {"ENGRAM_" + key.upper().replace(".", "__"): text for key, text in texts.items()}

    result = try_load(environ=environ, overrides={"cluster": {}}, host=Installed())

    _check_result(result)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
@settings(max_examples=60)
def test_any_value_of_any_key_is_a_setting_or_a_problem(values: dict[str, Any]) -> None:
    """A value of any type gives a setting or a problem, alone or over a valid one."""
    options = ["enabled=true", "discovery=dns", "dns.service=x"]

    result = try_load(environ={}, cli_overrides=options, overrides=values, host=Installed())

    _check_result(result)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
@settings(max_examples=60)
def test_any_tree_is_settings_or_problems(tree: dict[str, Any]) -> None:
    """Unknown keys and tables of any name and shape never raise another exception."""
    result = try_load(environ={}, overrides={"cluster": {**ENABLED["cluster"], **tree}}, host=Installed())

    _check_result(result)


@given(st.lists(st.text(max_size=20), max_size=4), st.dictionaries(st.text(max_size=30), st.text(max_size=5)))
@settings(max_examples=60)
def test_any_options_and_variables_are_settings_or_problems(
    options: list[str], environ: dict[str, str]
) -> None:
    """Options and variable names of any shape are read, ignored or refused."""
    environ.pop("ENGRAM_CONFIG", None)

    _check_result(try_load(environ=environ, cli_overrides=options, host=Installed()))


@pytest.fixture(autouse=True, scope="module")
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("empty"))
        yield
