"""Measure, in a fresh process, what importing a module costs and brings along."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from dataclasses import dataclass

__all__ = ["CHEAP", "Imported", "measure_import"]

#: Seconds that the import of a plugin may take.
CHEAP = 0.020

#: What a host has imported before it imports a plugin, and what a plugin may use at once.
_OURS = frozenset(
    {
        "annotated_types",
        "engram_discovery",
        "pluggy",
        "pydantic",
        "pydantic_core",
        "typing_extensions",
        "typing_inspection",
    }
)
_PROGRAM = """
import importlib, json, sys, time
sys.path[:] = json.loads(sys.argv[2])
import engram_discovery.host, engram_discovery.provider
before = set(sys.modules)
began = time.perf_counter()
importlib.import_module(sys.argv[1])
seconds = time.perf_counter() - began
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        seconds: How long it took, the host being imported already.
        foreign: Packages that came with it, of neither Python, the host, nor the module's own.
    """

    seconds: float
    foreign: list[str]


@functools.cache
def measure_import(module: str, *, tries: int = 5) -> Imported:
    """Import ``module`` in fresh processes that have this one's import path, and return the quickest.

    One that is quick enough ends it: a busy machine makes imports slower, never quicker.
    """
    quickest = _import(module)
    for _ in range(tries - 1):
        if quickest.seconds < CHEAP:
            break
        quickest = min(quickest, _import(module), key=lambda one: one.seconds)
    return quickest


def _import(module: str) -> Imported:
    command = [sys.executable, "-c", _PROGRAM, module, json.dumps(sys.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603  our own program
    seconds, modules = json.loads(done.stdout.splitlines()[-1])
    packages = {name.partition(".")[0] for name in modules}
    return Imported(seconds, sorted(packages - _OURS - sys.stdlib_module_names - {module.partition(".")[0]}))
