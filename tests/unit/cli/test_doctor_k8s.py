"""``engram-discovery doctor k8s``: the example has no fault, and every fault that keeps pods apart is found."""

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from engram_discovery.cli.doctor import doctor
from engram_discovery.cli.manifest_rules import Manifests, lint
from engram_discovery.cli.options import load

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "kubernetes" / "engram.yaml"


@pytest.fixture
def documents() -> list[Any]:
    """Return Service, ConfigMap, StatefulSet and NetworkPolicy of the example."""
    return list(yaml.safe_load_all(EXAMPLE.read_text()))


def faults(documents: list[Any]) -> list[str]:
    return [str(fault) for fault in lint(Manifests(documents), 7946)]


def test_the_example_is_clean() -> None:
    """The manifests of the documentation have no fault."""
    result = CliRunner().invoke(doctor, ["k8s", str(EXAMPLE)])

    assert (result.exit_code, result.output) == (0, "no faults found\n")


def test_the_settings_of_the_example_load(documents: list[Any], tmp_path: Path) -> None:
    """The ConfigMap holds settings that the node accepts, for the name of the example's Service."""
    text = documents[1]["data"]["engram.toml"]
    path = tmp_path / "engram.toml"
    path.write_text(text)

    settings, _ = load((str(path),), ())

    assert settings.cluster.discovery == ("dns",)
    service = tomllib.loads(text)["cluster"]["dns"]["service"]
    assert service.startswith(f"{documents[0]['metadata']['name']}.")


POD = (2, "spec", "template", "spec", "containers", 0)

FAULTS = {
    "ready only": ((0, "spec", "publishNotReadyAddresses"), False, "publishNotReadyAddresses: true"),
    "not headless": ((0, "spec", "clusterIP"), "10.0.0.1", "no headless Service"),
    "other pods": ((0, "spec", "selector"), {"app": "other"}, "no headless Service"),
    "unnamed port": ((0, "spec", "ports"), [{"port": 7946}], "no named port 7946"),
    "no names": ((2, "spec", "serviceName"), "other", "serviceName 'other' is not a Service"),
    "one by one": ((2, "spec", "podManagementPolicy"), "OrderedReady", "podManagementPolicy: Parallel"),
    "no UDP": ((*POD, "ports", 1, "protocol"), "TCP", "no containerPort 7946 for UDP"),
    "liveness": ((*POD, "livenessProbe", "httpGet", "path"), "/readyz", "use /livez"),
    "liveness of the cluster": (
        (*POD, "livenessProbe", "httpGet", "path"),
        "/cluster/health",
        "use /livez",
    ),
    "readiness": ((*POD, "readinessProbe", "httpGet", "path"), "/livez", "use /readyz"),
    "policy without gossip": (
        (3, "spec", "ingress", 0, "ports"),
        [{"port": 7946, "protocol": "TCP"}],
        "ingress of port 7946/UDP",
    ),
    "policy without DNS over TCP": (
        (3, "spec", "egress", 1, "ports"),
        [{"port": 53, "protocol": "UDP"}],
        "egress of port 53/TCP",
    ),
    "other port": ((*POD, "ports"), [{"containerPort": 1}], "no workload has containerPort 7946"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(documents: list[Any], fault: str) -> None:
    """One change to the example gives one fault, with the remedy."""
    path, value, words = FAULTS[fault]
    changed: Any = copy.deepcopy(documents)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    found = faults(changed)

    assert len(found) == 1
    assert words in found[0]


def test_policies_that_allow_everything_are_fine(documents: list[Any]) -> None:
    """A rule without ports, a range, and a policy for other pods are not faults."""
    documents[3]["spec"]["ingress"] = [{}]
    documents[3]["spec"]["egress"] = [
        {"ports": [{"port": 1, "endPort": 65535, "protocol": p} for p in ("TCP", "UDP")]}
    ]
    other = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "other"},
        "spec": {"podSelector": {"matchLabels": {"a": "b"}}},
    }

    assert faults([*documents, other, None, "text"]) == []


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    """Exit status 2, with file and line of the fault."""
    path = tmp_path / "broken.yaml"
    path.write_text("a: [")

    result = CliRunner().invoke(doctor, ["k8s", str(path)])

    assert result.exit_code == 2
    assert "broken.yaml" in result.output


def test_the_guide_shows_what_the_example_holds() -> None:
    """Every YAML line of the guide stands in the example, comments aside."""
    guide = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text()
    example = {line.split("#")[0].strip() for line in EXAMPLE.read_text().splitlines()}
    shown = [
        line for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) for line in block.splitlines()
    ]

    assert shown
    assert [line for line in shown if line.split("#")[0].strip() not in example] == []
