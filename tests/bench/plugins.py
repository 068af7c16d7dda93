"""Measure what installed plugins cost that nobody selected: 50 installed, one selected.

Run it as ``python tests/bench/plugins.py``. It prints JSON; each figure is the best of some fresh processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

INSTALLED = 50
PROCESSES = 7

_MODULE = """
from pydantic import BaseModel
from engram_discovery.hookspecs import hookimpl
from engram_discovery.types import ProviderInfo

class Settings(BaseModel): ...

@hookimpl
def engram_providers():
    return [ProviderInfo(name="{name}", settings_model=Settings, summary="")]
"""

_MEASURE = """
import sys, time
sys.path[:0] = sys.argv[2:]
from pydantic import BaseModel  # the settings of every node need it, with or without plugins
class Settings(BaseModel): ...
started = time.perf_counter()
from engram_discovery.host import PluginHost
imported = time.perf_counter()
host = PluginHost()
known = len(host.known_providers())
found = time.perf_counter()
host.provider(sys.argv[1])
loaded = time.perf_counter()
host.records()
listed = time.perf_counter()
bench = sum(name.startswith("bench_plugin_") for name in sys.modules)
print(imported - started, found - imported, loaded - found, listed - loaded, known, bench)
"""


def install(directory: Path) -> None:
    """Install the plugins as distributions of one entry point each."""
    for number in range(INSTALLED):
        name = f"bench{number}"
        (directory / f"bench_plugin_{number}.py").write_text(_MODULE.format(name=name))
        info = directory / f"bench_plugin_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-plugin-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[engram_discovery]\n{name} = bench_plugin_{number}\n")


def measure(selected: str, *path: str) -> dict[str, float]:
    """Return milliseconds of each step, the best of fresh processes, and how many plugins were imported."""
    command = [sys.executable, "-c", _MEASURE, selected, *path]
    runs = [
        subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        for _ in range(PROCESSES)
    ]
    best = [
        min(column) for column in zip(*([float(x) for x in one.stdout.split()] for one in runs), strict=True)
    ]
    steps = ("import_host_ms", "find_ms", "load_selected_ms", "list_ms")
    figures = {step: round(seconds * 1000, 2) for step, seconds in zip(steps, best[:4], strict=True)}
    return {**figures, "known": int(best[4]), "imported": int(best[5])}


def main() -> None:
    """Compare an environment as it is with one that has 50 plugins more."""
    with tempfile.TemporaryDirectory() as directory:
        install(Path(directory))
        crowded = measure("bench7", directory)
    alone = measure("static")
    print(json.dumps({"alone": alone, f"with_{INSTALLED}_more": crowded}, indent=2))


if __name__ == "__main__":
    main()
