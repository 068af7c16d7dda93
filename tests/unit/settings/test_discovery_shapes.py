"""The two forms of ``discovery``, and lists of providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.errors import SettingsError
from engram_discovery.settings import settings_from
from tests.support.sample_providers import Installed

if TYPE_CHECKING:
    from tests.unit.settings.conftest import Load

PLAIN = '[cluster]\nenabled = true\ndiscovery = "dns"\n[cluster.dns]\nservice = "x"\nport = 1'
TAGGED = '[cluster]\nenabled = true\n[cluster.discovery]\ntype = "dns"\nservice = "x"\nport = 1'


def _dns(load: Load, toml: str, **more: Any) -> Any:
    installed = Installed()
    settings = load(toml, host=installed, **more)
    assert settings.cluster.discovery == ("dns",)
    return settings.provider_settings(installed.provider("dns"))


@pytest.mark.parametrize("toml", [PLAIN, TAGGED])
def test_both_shapes_mean_the_same(load: Load, toml: str) -> None:
    """The tagged table and the name with a table of its own give the same settings and origins."""
    provider = _dns(load, toml)

    assert (provider.service, provider.port) == ("x", 1)
    assert load(toml).origins["cluster.dns.port"].line == 6


@pytest.mark.parametrize("toml", [PLAIN, TAGGED])
@pytest.mark.parametrize("key", ["dns.port", "discovery.port"])
def test_either_shape_overrides_the_other_in_a_higher_layer(load: Load, toml: str, key: str) -> None:
    """A higher layer may set a provider's key in either form, whichever the file uses."""
    variable = "ENGRAM_CLUSTER__" + key.upper().replace(".", "__")

    assert _dns(load, toml, env={variable: "2"}).port == 2
    assert _dns(load, toml, cli_overrides=[f"{key}=3"]).port == 3


@pytest.mark.parametrize("toml", [PLAIN, TAGGED])
@pytest.mark.parametrize("key", ["discovery", "discovery.type"])
def test_a_higher_layer_selects_another_provider(load: Load, toml: str, key: str) -> None:
    """Another provider in a higher layer overrides the selection."""
    settings = load(toml, cli_overrides=[f"{key}=static", "static.seed_nodes=a:1"], host=Installed())

    assert settings.cluster.discovery == ("static",)
    assert settings.provider_tables["static"]["seed_nodes"] == "a:1"


def test_both_shapes_in_one_layer_may_agree(load: Load) -> None:
    """The same value in both forms is allowed."""
    toml = f'{TAGGED}\n[cluster.dns]\nport = 1\nservice = "x"'

    assert _dns(load, toml).port == 1


def test_both_shapes_in_one_layer_must_not_disagree(load: Load) -> None:
    """Two values of one key in one file are an error that names both lines."""
    with pytest.raises(SettingsError) as raised:
        load(f"{TAGGED}\n[cluster.dns]\nport = 2", host=Installed())

    message = str(raised.value)
    assert "cluster.discovery.port: disagrees with cluster.dns.port" in message
    assert "engram.toml:6" in message
    assert "engram.toml:8" in message


def test_two_variables_must_not_select_two_providers(load: Load) -> None:
    """The name and the type in one layer must be the same."""
    env = {"ENGRAM_CLUSTER__DISCOVERY": "dns", "ENGRAM_CLUSTER__DISCOVERY__TYPE": "static"}

    with pytest.raises(SettingsError, match="set by both ENGRAM_CLUSTER__DISCOVERY and"):
        load(env=env)


def test_a_variable_may_name_the_provider_and_others_its_keys(load: Load) -> None:
    """``ENGRAM_CLUSTER__DISCOVERY`` beside ``ENGRAM_CLUSTER__DISCOVERY__SERVICE`` is the tagged form."""
    env = {"ENGRAM_CLUSTER__DISCOVERY": "dns", "ENGRAM_CLUSTER__DISCOVERY__SERVICE": "y"}

    assert _dns(load, "[cluster]\nenabled = true", env=env).service == "y"


def test_keys_without_a_type_anywhere_are_an_error(load: Load) -> None:
    """A tagged table without ``type`` in any layer is an error."""
    with pytest.raises(SettingsError, match=r"cluster\.discovery\.type: the type of discovery is missing"):
        load("[cluster.discovery]\nport = 1")


def test_the_tagged_table_has_one_type(load: Load) -> None:
    """A tagged table accepts one provider; several need a table each."""
    with pytest.raises(SettingsError, match="the tagged form needs one provider"):
        load('[cluster]\n[cluster.discovery]\ntype = ["dns", "static"]\nport = 1')


@pytest.mark.parametrize("value", [["dns", "static"], "dns,static", "dns, static"])
def test_several_providers_are_a_list_or_text_with_commas(value: object) -> None:
    """Providers keep their order."""
    settings = settings_from({"cluster": {"discovery": value}})

    assert settings.cluster.discovery == ("dns", "static")


def test_nothing_is_loaded_unless_the_cluster_is_enabled(load: Load) -> None:
    """No plugin host is created unless the cluster is enabled."""
    asked: list[object] = []

    def make(plugins: object) -> Installed:
        asked.append(plugins)
        return Installed()

    load('[cluster]\ndiscovery = "consul"\n[cluster.consul]\ntoken = 5', host=make)

    assert asked == []


def test_a_host_is_made_from_the_table_of_plugins(load: Load) -> None:
    """The plugin host is created once, from ``[cluster.plugins]``."""
    asked: list[Any] = []

    def make(plugins: object) -> Installed:
        asked.append(plugins)
        return Installed()

    load(PLAIN, cli_overrides=["plugins.allow=dns"], host=make)

    assert [plugins.allow for plugins in asked] == [("dns",)]


def test_only_selected_providers_are_loaded(load: Load) -> None:
    """The table of a provider that is not selected is neither validated nor a reason to load it."""
    installed = Installed()

    settings = load(f"{PLAIN}\n[cluster.static]\nnonsense = 1", host=installed)

    assert installed.loaded == ["dns"]
    assert [warning for warning in settings.warnings if warning.key == "cluster.static"] == []
