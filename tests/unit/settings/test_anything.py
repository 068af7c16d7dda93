"""Whatever is written, the answer is settings or problems: never another exception."""

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


def _answers(outcome: Any) -> None:
    """Check that an outcome is whole, and can be shown."""
    assert (outcome.settings is None) == bool(outcome.problems)
    assert all(str(problem).isprintable() for problem in outcome.problems)
    for key in ("cluster.zone", "cluster.dns.token"):
        assert explain(key, outcome.origins, MODELS).key == key
    if outcome.settings:
        assert len(list(rows(outcome.settings, {}))) >= 30


@given(st.dictionaries(st.sampled_from(KEYS), TEXTS, max_size=4))
@settings(max_examples=60)
def test_any_text_in_any_variable_is_a_setting_or_a_problem(texts: dict[str, str]) -> None:
    """A variable's text is taken or refused with its name."""
    environ = {"ENGRAM_" + key.upper().replace(".", "__"): text for key, text in texts.items()}

    outcome = try_load(environ=environ, overrides={"cluster": {}}, host=Installed())

    _answers(outcome)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
@settings(max_examples=60)
def test_any_value_of_any_key_is_a_setting_or_a_problem(values: dict[str, Any]) -> None:
    """A value of any type is taken or refused, alone or over a good one."""
    options = ["enabled=true", "discovery=dns", "dns.service=x"]

    outcome = try_load(environ={}, cli_overrides=options, overrides=values, host=Installed())

    _answers(outcome)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
@settings(max_examples=60)
def test_any_tree_is_settings_or_problems(tree: dict[str, Any]) -> None:
    """Unknown keys of any name and shape are problems, each once."""
    outcome = try_load(environ={}, overrides={"cluster": {**ENABLED["cluster"], **tree}}, host=Installed())

    _answers(outcome)


@given(st.lists(st.text(max_size=20), max_size=4), st.dictionaries(st.text(max_size=30), st.text(max_size=5)))
@settings(max_examples=60)
def test_any_options_and_variables_are_settings_or_problems(
    options: list[str], environ: dict[str, str]
) -> None:
    """Options and names of variables of any shape are read, left alone or refused."""
    environ.pop("ENGRAM_CONFIG", None)

    _answers(try_load(environ=environ, cli_overrides=options, host=Installed()))


@pytest.fixture(autouse=True, scope="module")
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("empty"))
        yield
