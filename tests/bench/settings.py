"""What it costs to load settings, beside the parser alone, dynaconf alone and pydantic-settings.

python -m tests.bench.settings
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engram_discovery.settings.assemble import assemble
from engram_discovery.settings.files import read_settings_file
from engram_discovery.settings.load import load_settings, merge, settings_from
from engram_discovery.settings.models import ClusterSettings
from engram_discovery.settings.origins import Layer, Origins
from tests.unit.settings.providers import Installed

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 200
IMPORT_ROUNDS = 5
TARGET = 1.0

FILE = """\
[cluster]
enabled = true
name = "prod"
data_dir = "/var/lib/engram"
discovery = "dns"
expected_size = 5
zone = "eu-1a"
spaces = ["facts", "episodes"]

[cluster.dns]
service = "engram.default.svc.cluster.local"
port = 7946
refresh_interval_sec = 30

[cluster.network]
swim_bind = "10.0.0.5:7946"
api_bind = "10.0.0.5:50051"
max_message_size = 4194304

[cluster.replication]
factor = 3
placement = "zoneaware"

[cluster.health]
interval = "10s"
degraded_below = 0.8

[cluster.join]
timeout = "5s"
min_peers = 2
"""
SECRETS = """\
[cluster.security]
keys = ["a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U="]
[cluster.dns]
token = "secret"
"""
ENVIRON = {"ENGRAM_CLUSTER__NODE_ID": "node-1", "ENGRAM_CLUSTER__NETWORK__SWIM_BIND": "10.0.0.6:7946"}
OPTIONS = ["join.min_peers=3"]


def main() -> None:
    """Print three tables: the whole, its parts, and imports."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "engram.toml"
        file.write_text(FILE)
        rows = [("tomllib, the same file: the floor", measure(lambda: tomllib.loads(file.read_text())))]
        rows += _ours_alone(file)
        secrets = Path(folder) / ".secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(SECRETS)
        rows += _ours(file)
        rows += _others(file)
        _print("load (median)", rows)
        _print("parts of our whole load (median)", _parts(file, secrets))
    _print("imports, a process each, the interpreter's own start subtracted (median)", _imports(), digits=0)
    print(f"target: below {TARGET} ms to parse and validate")


def measure(once: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the median in milliseconds, after one round that imports what is imported late."""
    once()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        once()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3


def _ours_alone(file: Path) -> list[tuple[str, float]]:
    return [
        ("ours: keywords only", measure(lambda: settings_from({"cluster": {"zone": "a"}}))),
        (
            "ours: one file, cluster disabled",
            measure(lambda: load_settings(file, environ={}, overrides={"enabled": False})),
        ),
        ("ours: one file", measure(lambda: load_settings(file, environ={}))),
    ]


def _ours(file: Path) -> list[tuple[str, float]]:
    installed = Installed()
    return [
        (
            "ours: file, secrets, environment, --set, provider's table",
            measure(lambda: load_settings(file, environ=ENVIRON, cli_overrides=OPTIONS, host=installed)),
        )
    ]


def _others(file: Path) -> list[tuple[str, float]]:
    from dynaconf import Dynaconf

    os.environ.update(ENVIRON)

    def fresh() -> Any:
        return Dynaconf(
            settings_files=[str(file), str(file.parent / ".secrets.toml")],
            envvar_prefix="ENGRAM",
            merge_enabled=True,
        )

    loaded = fresh()
    rows = [
        ("dynaconf alone: a new object, nothing validated", measure(lambda: fresh().to_dict(), rounds=50)),
        ("dynaconf alone: reload() of one object", measure(loaded.reload, rounds=50)),
    ]
    if importlib.util.find_spec("pydantic_settings"):
        rows.append(("pydantic-settings: file, environment, equal model", _pydantic_settings(file)))
    for name in ENVIRON:
        del os.environ[name]
    return rows


def _pydantic_settings(file: Path) -> float:
    from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource

    class Equal(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix="ENGRAM_", env_nested_delimiter="__", toml_file=[file, file.parent / ".secrets.toml"]
        )
        cluster: ClusterSettings

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: Any, init_settings: Any, env_settings: Any, **_: Any
        ) -> Any:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    file.write_text(
        FILE.replace(
            '[cluster.dns]\nservice = "engram.default.svc.cluster.local"\nport = 7946\nrefresh_interval_sec = 30\n',
            "",
        )
    )
    (file.parent / ".secrets.toml").write_text(SECRETS.partition("[cluster.dns]")[0])
    took = measure(Equal)  # type: ignore[arg-type]
    file.write_text(FILE)
    (file.parent / ".secrets.toml").write_text(SECRETS)
    return took


def _parts(file: Path, secrets: Path) -> list[tuple[str, float]]:
    trees = [
        read_settings_file(file, Layer.FILE).tree["cluster"],
        read_settings_file(secrets, Layer.SECRETS).tree["cluster"],
        settings_tree({"node_id": "node-1", "network.swim_bind": "10.0.0.6:7946"}),
    ]
    merged, installed = merge(trees), Installed()
    return [
        ("read and parse the file, find the lines", measure(lambda: read_settings_file(file, Layer.FILE))),
        ("dynaconf merges three layers", measure(lambda: merge(trees))),
        (
            "validate, apply the rules, the provider's table",
            measure(lambda: assemble(merged, Origins({"cluster": merged}), installed, [])),
        ),
    ]


def settings_tree(overrides: dict[str, Any]) -> Any:
    """Return a layer as keywords give it."""
    from engram_discovery.settings.environment import from_mapping

    return from_mapping(overrides)[0]["cluster"]


def _imports() -> list[tuple[str, float]]:
    start = _process("pass")
    modules = ["engram_discovery", "pydantic", "engram_discovery.settings", "dynaconf", "pydantic_settings"]
    return [
        (f"import {name}", _process(f"import {name}") - start)
        for name in modules
        if importlib.util.find_spec(name)
    ]


def _process(code: str) -> float:
    def once() -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    return measure(once, IMPORT_ROUNDS)


def _print(title: str, rows: list[tuple[str, float]], digits: int = 3) -> None:
    print(title)
    for name, took in rows:
        print(f"  {name:<60} {took:>8.{digits}f} ms")
    print()


if __name__ == "__main__":
    main()
