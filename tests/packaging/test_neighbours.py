"""What else may be installed beside the plugins: other clients of etcd, and another ``consul``."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.packaging.conftest import TIMEOUT, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(2 * TIMEOUT)

OURS = (
    "import engram_discovery_etcd.discoverer, engram_discovery_etcd.registrar, engram_discovery_etcd.client"
)
#: Clients of etcd generated from its protos, which cannot be imported beside each other.
CLIENTS = ["aetcd", "etcd3aio", "etcd-sdk-python"]
#: How each is imported.
IMPORTS = {"aetcd": "import aetcd.rpc", "etcd3aio": "import etcd3aio", "etcd-sdk-python": "import pyetcd"}
#: Every field of ours against those that aetcd brings: number, kind and ``oneof``. Enumerations are int64 with us.
COMPARE = """
from aetcd import rpc
from engram_discovery_etcd import messages
from google.protobuf.descriptor_pool import Default

ENUM, INT64 = 14, 3
compared = 0
for name in messages.__all__:
    ours = getattr(getattr(messages, name), "DESCRIPTOR", None)
    if ours is None:
        continue
    package = "mvccpb" if name in ("KeyValue", "Event") else "etcdserverpb"
    theirs = Default().FindMessageTypeByName(f"{package}.{name}").fields_by_name
    for field in ours.fields:
        other = theirs[field.name]
        kind = INT64 if other.type == ENUM else other.type
        facts = [(f.number, f.is_repeated, f.containing_oneof and f.containing_oneof.name) for f in (field, other)]
        assert (facts[0], field.type) == (facts[1], kind), (name, field.name)
        compared += 1
print(compared)
"""


def _add(python: Path, *packages: str) -> None:
    import sys

    run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *packages)


def test_other_clients_of_etcd_can_be_imported_before_and_after(
    install_extra: Callable[[str], Path], tmp_path: Path
) -> None:
    """In both orders, each in a process of its own; and our messages have the numbers of etcd's own protos."""
    python = install_extra("etcd")
    _add(python, *CLIENTS)

    for client in CLIENTS:
        run(python, "-c", f"{IMPORTS[client]}\n{OURS}", cwd=tmp_path)
        run(python, "-c", f"{OURS}\n{IMPORTS[client]}", cwd=tmp_path)
    compared = int(run(python, "-c", COMPARE, cwd=tmp_path))

    assert compared > 50


def test_doctor_names_another_consul_and_its_remedy_works(
    install_extra: Callable[[str], Path], tmp_path: Path
) -> None:
    """python-consul and py-consul own the same files; after the printed remedy the finding is gone."""
    python = install_extra("consul")
    _add(python, "python-consul")
    _add(python, "pip")
    (tmp_path / "engram.toml").write_text('[cluster]\nenabled = true\ndiscovery = "consul"\n')

    def findings() -> dict[str, str]:
        command = [str(python.parent / "engram-discovery"), "doctor", "--json"]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        return {
            one["message"]: one["remedy"]
            for one in json.loads(shown.stdout)
            if one["subject"] == "plugin consul" and one["severity"] == "warning"
        }

    ((message, remedy),) = findings().items()
    remedy_command = remedy[remedy.index("pip uninstall") :].replace("pip ", f"{python} -m pip ")
    subprocess.run(remedy_command, shell=True, cwd=tmp_path, check=True, timeout=TIMEOUT)

    assert message.startswith("needs py-consul, but python-consul installs consul/")
    assert findings() == {}
