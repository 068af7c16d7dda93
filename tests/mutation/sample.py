"""Mutate the rooms that decide and count what the unit tests notice: ``python -m tests.mutation.sample``.

mutmut makes every mutant; a random sample of them is run, the same for the same seed. A mutant that no test covers
has survived. A survivor is either tested or named in ``equivalent.txt`` with the reason why no test can see it.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

MUTANTS = Path("mutants")
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
#: Exit statuses of a mutant's test run that mean that no test failed: passed, and no test covers it.
_SURVIVED = frozenset({0, 5, 33})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sample; exit status 1 if fewer mutants than wanted were killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.sample", description=__doc__)
    parser.add_argument("--size", type=int, default=150, help="how many mutants to run")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="which ones (default: random)"
    )
    parser.add_argument("--wanted", type=float, default=0.9, help="share that must be killed")
    options = parser.parse_args(arguments)
    _mutmut("no mutant has this name")  # makes all mutants and learns which test covers which function
    names = sorted(set(_statuses()) - equivalent(EQUIVALENT.read_text().splitlines()))
    sample = random.Random(options.seed).sample(names, min(options.size, len(names)))
    _mutmut(*sample)
    survivors = sorted(name for name, status in _statuses().items() if name in sample and status in _SURVIVED)
    for name in survivors:
        print(f"survived: {name}")
    killed = 1 - len(survivors) / len(sample)
    print(
        f"{len(sample) - len(survivors)} of {len(sample)} mutants killed ({killed:.0%}), seed {options.seed}"
    )
    return 0 if killed >= options.wanted else 1


def equivalent(lines: Iterable[str]) -> set[str]:
    """Read the names of mutants that behave as the original does: ``name  # reason``, one a line."""
    return {line.partition("#")[0].strip() for line in lines} - {""}


def _statuses() -> Mapping[str, int | None]:
    return dict(_read_statuses())


def _read_statuses() -> Iterator[tuple[str, int | None]]:
    for path in MUTANTS.rglob("*.meta"):
        yield from json.loads(path.read_text())["exit_code_by_key"].items()


def _mutmut(*names: str) -> None:
    """Run mutmut; its exit status says nothing beyond what its files say."""
    subprocess.run([sys.executable, "-m", "mutmut", "run", *names], check=False)


if __name__ == "__main__":
    sys.exit(main())
