"""The contract suites, tried on providers that each break one promise: its test fails, and no other does."""

from __future__ import annotations

import functools
import inspect
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engram_discovery.testing import contracts
from tests.kit.broken import checks, discoverers, engines, json_file, registrars

BROKEN = Path(__file__).parent / "broken"
SUITES: dict[str, tuple[type, Mapping[str, Any]]] = {
    "discoverers": (contracts.DiscovererContract, discoverers.FAULTS),
    "registrars": (contracts.RegistrarContract, registrars.FAULTS),
    "checks": (contracts.HealthCheckContract, checks.FAULTS),
    "engines": (contracts.MembershipContract, engines.FAULTS),
    "json_file": (contracts.PluginContract, json_file.FAULTS),
}
_LINE = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED) \S*?\.py::Test(\w+)::(\w+)", re.MULTILINE)

Outcomes = dict[str, dict[str, set[str]]]


def meant(fault: Any) -> str:
    """Return the test that must catch a fault: the last of what the tables say of it."""
    return str(fault[-1])


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a suite over all its providers, in a process of its own, once: provider → outcome → tests."""

    @functools.cache
    def outcomes(file: str) -> Outcomes:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", BROKEN / f"{file}.py"),
                *("-q", "-p", "no:cacheprovider", "--tb=no", "--color=no", "-rpfE"),
                # by default it would tidy up the same directory as this process and its siblings
                f"--basetemp={tmp_path_factory.mktemp(file) / 'inner'}",
            ],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        found: Outcomes = {}
        for outcome, provider, test in _LINE.findall(done.stdout):
            found.setdefault(provider, {}).setdefault(outcome, set()).add(test)
        assert found, done.stdout + done.stderr
        return found

    return outcomes


@pytest.mark.parametrize("file", SUITES)
def test_a_sound_provider_passes(outcomes: Any, file: Any) -> None:
    """Nothing fails, and something passes, where no promise is broken."""
    assert outcomes(file)["Good"].keys() == {"PASSED"}


@pytest.mark.parametrize(
    ("file", "provider"),
    [(file, provider) for file, (_, faults) in SUITES.items() for provider in faults],
)
def test_a_broken_promise_is_noticed_by_its_test(outcomes: Any, file: Any, provider: Any) -> None:
    """Exactly the test that is meant for the fault fails; the example's own faults may break more than one promise."""
    found = outcomes(file)[provider]
    test = meant(SUITES[file][1][provider])

    assert "ERROR" not in found or provider in json_file.DISCOVERER_FAULTS
    if provider in json_file.DISCOVERER_FAULTS:
        assert test in found["FAILED"]
    else:
        assert found["FAILED"] == {test}


@pytest.mark.parametrize("file", SUITES)
def test_every_contract_test_is_proven(file: Any) -> None:
    """There is a fault for each test of a suite: a test that cannot fail checks nothing."""
    suite, faults = SUITES[file]
    tests = {name for name, _ in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_")}

    assert tests <= {meant(fault) for fault in faults.values()}


@pytest.mark.parametrize("suite", [suite for suite, _ in SUITES.values()])
def test_every_contract_test_names_its_promise(suite: Any) -> None:
    """Each test of a suite has a docstring of its own: it is what an author reads when the test fails."""
    tests = [test for name, test in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_")]
    promises = [test.__doc__ for test in tests]

    assert all(promises)
    assert len(set(promises)) == len(promises)


def test_a_misspelt_capability_is_refused() -> None:
    """A capability that no test asks for would silently skip what the author meant."""
    with pytest.raises(TypeError, match=r"Mine: unknown capability pauses; expected some of: .*pause"):
        type("Mine", (contracts.DiscovererContract,), {"capabilities": frozenset({"pauses"})})
