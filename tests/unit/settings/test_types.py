"""Values get the type of their field; no type is guessed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.errors import SettingsError
from tests.support.sample_providers import Installed

if TYPE_CHECKING:
    from tests.unit.settings.conftest import Load

DNS = {"cluster.enabled": True, "cluster.discovery": "dns", "cluster.dns.service": "x"}


def _provider(load: Load, key: str, text: str) -> Any:
    """Load a setting of a provider from the environment."""
    installed = Installed()
    settings = load(env={f"ENGRAM_CLUSTER__DNS__{key.upper()}": text}, overrides=DNS, host=installed)
    return getattr(settings.provider_settings(installed.provider("dns")), key)


@pytest.mark.parametrize(
    "text", ["1e5", "true", "0123", "null", "1_000", "[1]", "0x10", "", "1979-05-27", "'q'"]
)
def test_text_stays_as_it_was_written(load: Load, text: str) -> None:
    """For a text field, a variable or an option keeps its exact characters."""
    settings = load(env={"ENGRAM_CLUSTER__ZONE": text}, cli_overrides=[f"cluster.spaces={text},b"])

    assert settings.cluster.zone == text
    assert settings.cluster.spaces == ((text, "b") if text else ("b",))


def test_text_from_the_command_line_keeps_equals_signs(load: Load) -> None:
    """Only the first equals sign separates key and value."""
    assert load(cli_overrides=["zone=a=b=c"]).cluster.zone == "a=b=c"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("port", "8600", 8600),
        ("port", "+8600", 8600),
        ("ratio", "1e-1", 0.1),
        ("ratio", "2", 2.0),
        ("verify", "FALSE", False),
        ("verify", "yes", True),
        ("verify", "0", False),
        ("verify", "on", True),
        ("servers", "a:1,b", ("a:1", "b:7946")),
        ("servers", '["a:1", "[::1]:2"]', ("a:1", "[::1]:2")),
        ("servers", "", ()),
        ("servers", "[::1]:1,[::2]", ("[::1]:1", "[::2]:7946")),
        ("meta", '{Key = "v", other = "w"}', {"Key": "v", "other": "w"}),
        ("refresh_interval", "30", 30.0),
        ("refresh_interval", "1m30s", 90.0),
    ],
)
def test_text_is_converted_to_the_type_of_the_field(load: Load, key: str, text: str, value: Any) -> None:
    """Text of a variable is converted to the number, boolean, list or table of its field."""
    assert _provider(load, key, text) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "7946 "),
        ("port", "7_946"),
        ("port", "7946.0"),
        ("port", "0x1f0a"),
        ("port", "true"),
        ("port", ""),
        ("port", "9" * 100),
        ("ratio", "nan"),
        ("ratio", "1e309"),
        ("ratio", "inf"),
        ("verify", "maybe"),
        ("verify", "2"),
        ("servers", "[1"),
        ("servers", '["a"]\nother = 1'),
        ("meta", "a=b"),
        ("refresh_interval", "0"),
        ("refresh_interval", "-1s"),
        ("refresh_interval", "5 m"),
        ("refresh_interval", "1e3"),
        ("refresh_interval", "nan"),
    ],
)
def test_text_of_another_kind_is_refused(load: Load, key: str, text: str) -> None:
    """A value that is not exactly of the type of its field is an error that names the variable."""
    with pytest.raises(SettingsError, match=f"cluster.dns.{key}.*from ENGRAM_CLUSTER__DNS__{key.upper()}"):
        _provider(load, key, text)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("enabled = 1", "expected true or false, got 1"),
        ('enabled = "true"', 'expected true or false, got "true"'),
        ("zone = 5", "expected text, got 5"),
        ("zone = true", "expected text, got true"),
        ("expected_size = true", "expected an integer of at least 1, got true"),
        ('expected_size = "3"', 'expected an integer of at least 1, got "3"'),
        ("expected_size = 3.0", "expected an integer of at least 1, got 3.0"),
        ("health.degraded_below = nan", "expected a number"),
        ("health.interval = inf", "expected a duration"),
        ("health.interval = true", "expected a duration"),
        ("spaces = [1, 2]", "expected text, got 1"),
        ("spaces = 1", "expected a list of names, got 1"),
        ("network = 1", "expected a table (from"),
        ("health.forget_left_after = -5", "expected a duration that is not below zero, got -5"),
        (f"health.interval = 1{'0' * 400}", "expected a duration of at most 36500d"),
        (f"health.degraded_below = 1{'0' * 400}", "expected a number above 0 and of at most 1"),
        (f"expected_size = {2**63}", "expected an integer of at least 1"),
        ('data_dir = "~/engram"', "engram.toml:2); ~ is not expanded"),
        ("zone = { a = 1 }", "expected text, got a table"),
        ("spaces = { a = 1 }", "expected a list of names, got a table"),
        ("data_dir = 5", "expected a path, got 5"),
        ('network.swim_bind = ["a"]', "expected an address"),
        ("zone = 1979-05-27", "expected text, got 1979-05-27"),
    ],
)
def test_values_of_a_file_are_not_converted(load: Load, toml: str, message: str) -> None:
    """Values of a file are not converted: ``"3"`` is not a number and ``1`` is not ``true``."""
    with pytest.raises(SettingsError) as raised:
        load(f"[cluster]\n{toml}")

    assert message in str(raised.value)
    assert "engram.toml:2" in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value", "seconds"),
    [
        ("refresh_interval", 45, 45.0),
        ("refresh_interval", 0.5, 0.5),
        ("refresh_interval", "250ms", 0.25),
        ("refresh_interval_sec", 45, 45.0),
        ("refresh_interval_ms", 250, 0.25),
    ],
)
def test_durations_are_written_in_three_ways(load: Load, key: str, value: Any, seconds: float) -> None:
    """A duration is a number of seconds, text with units, or a number under a key that names the unit."""
    installed = Installed()
    toml = f"[cluster.dns]\n{key} = {json.dumps(value)}"

    settings = load(toml, overrides=DNS, host=installed)

    provider: Any = settings.provider_settings(installed.provider("dns"))
    assert provider.refresh_interval == seconds


def test_two_ways_to_write_one_setting_exclude_each_other_in_a_layer(load: Load) -> None:
    """Two keys for one field in one layer are an error."""
    with pytest.raises(SettingsError, match="set together with refresh_interval"):
        load("[cluster.dns]\nrefresh_interval = 1\nrefresh_interval_ms = 1", overrides=DNS, host=Installed())


def test_of_two_ways_to_write_one_setting_the_higher_layer_takes_precedence(load: Load) -> None:
    """The environment overrides the file, whichever alias either uses."""
    installed = Installed()
    env = {"ENGRAM_CLUSTER__DNS__REFRESH_INTERVAL_MS": "500"}

    settings = load("[cluster.dns]\nrefresh_interval_sec = 9", env=env, overrides=DNS, host=installed)

    provider: Any = settings.provider_settings(installed.provider("dns"))
    assert provider.refresh_interval == 0.5


def test_a_bad_unit_is_reported_under_the_key_that_was_written(load: Load) -> None:
    """A problem names ``…_sec`` if that is the key in the file."""
    with pytest.raises(
        SettingsError, match=r"cluster\.dns\.refresh_interval_sec: expected a duration above zero"
    ):
        load("[cluster.dns]\nrefresh_interval_sec = 0", overrides=DNS, host=Installed())


def test_free_tables_keep_their_keys(load: Load) -> None:
    """A table without a model keeps the case of its keys, and is merged across layers."""
    installed = Installed()
    env = {"ENGRAM_CLUSTER__DNS__META__REGION": "eu"}

    settings = load('[cluster.dns.meta]\nRack = "r1"\nregion = "us"', env=env, overrides=DNS, host=installed)

    provider: Any = settings.provider_settings(installed.provider("dns"))
    assert provider.meta == {"Rack": "r1", "region": "eu"}
