"""Measure the time to load settings, beside the parser alone, dynaconf alone and pydantic-settings.

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
from engram_discovery.settings.environment import from_environment
from engram_discovery.settings.load import load_settings, merge, settings_from, try_load
from engram_discovery.settings.models import ClusterSettings
from engram_discovery.settings.origins import Layer, Origins
from engram_discovery.settings.toml_file import read_settings_file
from tests.support.sample_providers import Installed

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
DNS = """
[cluster.dns]
service = "engram.default.svc.cluster.local"
port = 7946
refresh_interval_sec = 30
"""
SECRETS = """\
[cluster.security]
keys = ["a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U="]
"""
DNS_SECRETS = """
[cluster.dns]
token = "secret"
"""
_MEGABYTE = 1024 * 1024 - 100
_HOSTILE = {
    "1 MiB of unknown keys": "\n".join(f"k{n} = 1" for n in range(90_000)),
    "as many unknown keys as are read": "\n".join(f"k{n} = 1" for n in range(9_990)),
    "as many tables as are read": "\n".join(f"[cluster.t{n}]" for n in range(4_900)),
    "as many seeds as are read": "static.seed_nodes = [" + ",".join(f'"h{n}"' for n in range(9_900)) + "]",
    "as many wrong elements as are read": f"static.seed_nodes = [{'1,' * 9_900}]",
    "1 MiB of lines, with an error": "\n" * _MEGABYTE + "x = 1",
    "1 MiB of comments, with an error": "#\n" * (_MEGABYTE // 2) + "x = 1",
    "1 MiB of one string": 'zone = "' + "\\n" * (_MEGABYTE // 2 - 10) + '"',
    "a key of 1 MiB": f"{'k' * _MEGABYTE} = 1",
    "1 MiB of brackets": "x = " + "[" * _MEGABYTE,
    "strings without end": "a.a,=" * 10_000 + '"\\' * 400_000,
}
ENVIRON = {"ENGRAM_CLUSTER__NODE_ID": "node-1", "ENGRAM_CLUSTER__NETWORK__SWIM_BIND": "10.0.0.6:7946"}
OPTIONS = ["join.min_peers=3"]


Timing = tuple[float, float]
Row = tuple[str, Timing]


def main() -> None:
    """Print four tables: loads, the parts of one load, the largest files, and imports."""
    with tempfile.TemporaryDirectory() as folder:
        file, secrets = Path(folder) / "engram.toml", Path(folder) / ".secrets.toml"
        file.write_text(FILE + DNS)
        rows = [("tomllib, the same file: the floor", measure(lambda: tomllib.loads(file.read_text())))]
        rows += _ours_alone(file)
        secrets.touch(mode=0o600)
        secrets.write_text(SECRETS + DNS_SECRETS)
        rows += _ours(file)
        parts = _parts(file, secrets)
        file.write_text(FILE)  # the other two have no tables of providers
        secrets.write_text(SECRETS)
        rows += _others(file, secrets)
    _print("load", rows)
    _print("parts of our whole load", parts)
    _print("the largest files, refused or read: below 200 ms each", _hostile(), digits=0)
    _print("imports, a process each, without the interpreter's own start", _imports(), digits=0)
    print(f"target: below {TARGET} ms to parse and validate")


def measure(once: Callable[[], object], rounds: int = ROUNDS) -> Timing:
    """Return the best and the median in milliseconds, after one round that does the late imports."""
    once()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        once()
        times.append((time.perf_counter() - started) * 1e3)
    return min(times), statistics.median(times)


def _ours_alone(file: Path) -> list[Row]:
    return [
        ("ours: keywords only", measure(lambda: settings_from({"cluster": {"zone": "a"}}))),
        (
            "ours: one file, cluster disabled",
            measure(lambda: load_settings(file, environ={}, overrides={"enabled": False})),
        ),
        ("ours: one file", measure(lambda: load_settings(file, environ={}))),
    ]


def _ours(file: Path) -> list[Row]:
    installed = Installed()
    return [
        (
            "ours: file, secrets, environment, --set, provider's table",
            measure(lambda: load_settings(file, environ=ENVIRON, cli_overrides=OPTIONS, host=installed)),
        )
    ]


def _others(file: Path, secrets: Path) -> list[Row]:
    from dynaconf import Dynaconf  # type: ignore[import-untyped]

    os.environ.update(ENVIRON)

    def fresh() -> Any:
        return Dynaconf(
            settings_files=[str(file), str(secrets)],
            envvar_prefix="ENGRAM",
            merge_enabled=True,
        )

    loaded = fresh()
    rows = [
        ("dynaconf alone: a new object, nothing validated", measure(lambda: fresh().to_dict(), rounds=50)),
        ("dynaconf alone: reload() of one object", measure(loaded.reload, rounds=50)),
    ]
    if importlib.util.find_spec("pydantic_settings"):
        rows.append(("pydantic-settings: file, environment, equal model", _pydantic_settings(file, secrets)))
    for name in ENVIRON:
        del os.environ[name]
    return rows


def _pydantic_settings(file: Path, secrets: Path) -> Timing:
    from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource

    class Equal(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix="ENGRAM_", env_nested_delimiter="__", toml_file=[file, secrets]
        )
        cluster: ClusterSettings

        @classmethod
        def settings_customise_sources(cls, settings_cls: type[BaseSettings], **sources: Any) -> Any:  # type: ignore[override]
            return sources["env_settings"], TomlConfigSettingsSource(settings_cls)

    return measure(Equal)  # type: ignore[arg-type]  # the sources provide the missing field


def _parts(file: Path, secrets: Path) -> list[Row]:
    trees = [
        read_settings_file(file, Layer.FILE).tree["cluster"],
        read_settings_file(secrets, Layer.SECRETS).tree["cluster"],
        from_environment(ENVIRON)[0]["cluster"],
    ]
    merged, installed = merge(trees), Installed()
    return [
        ("read and parse the settings file", measure(lambda: read_settings_file(file, Layer.FILE))),
        ("dynaconf merges three layers", measure(lambda: merge(trees))),
        (
            "validate, apply the rules, the provider's table",
            measure(lambda: assemble(merged, Origins({"cluster": merged}), installed, [])),
        ),
    ]


def _hostile() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engram.toml"
        return [(name, _time_hostile(path, text)) for name, text in _HOSTILE.items()]


def _time_hostile(path: Path, text: str) -> Timing:
    path.write_text(f"[cluster]\nenabled = true\n{text}")
    installed = Installed()
    return measure(lambda: [*map(str, try_load(path, environ={}, host=installed).problems)], rounds=5)


def _imports() -> list[Row]:
    start = _process("pass")[1]
    programs = {
        "engram_discovery": "import engram_discovery",
        "pydantic with one model: the floor": "import pydantic\nclass M(pydantic.BaseModel): x: int",
        "engram_discovery.settings": "import engram_discovery.settings",
        "dynaconf, at the first merge of two layers": "import dynaconf",
        "pydantic_settings": "import pydantic_settings",
    }
    timings = {name: _process(code) for name, code in programs.items() if _installed(code)}
    return [(name, (best - start, median - start)) for name, (best, median) in timings.items()]


def _installed(code: str) -> bool:
    return importlib.util.find_spec(code.split()[1]) is not None


def _process(code: str) -> Timing:
    return measure(lambda: subprocess.run([sys.executable, "-c", code], check=True), IMPORT_ROUNDS)


def _print(title: str, rows: list[Row], digits: int = 3) -> None:
    print(f"{title:<64} {'best':>9} {'median':>9}")
    for name, (best, median) in rows:
        print(f"  {name:<60} {best:>8.{digits}f} {median:>9.{digits}f} ms")
    print()


if __name__ == "__main__":
    main()
