"""The hooks."""

import subprocess
import sys

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.protocols import HealthCheck, Registrar, WatchingDiscoverer
from engram_discovery_etcd.plugin import plugin
from engram_discovery_etcd.settings import EtcdSettings
from plugins.etcd.tests.factories import discoverer, make_context
from tests.servers.process import free_port

SETTINGS = EtcdSettings()


def test_only_etcd_is_ours() -> None:
    """Factories answer for ``etcd``, without a running loop, and leave other providers to others."""
    context = make_context()

    assert isinstance(plugin.engram_create_discoverer("etcd", SETTINGS, context), WatchingDiscoverer)
    assert isinstance(plugin.engram_create_registrar("etcd", SETTINGS, context), Registrar)
    assert isinstance(next(iter(plugin.engram_create_health_checks("etcd", SETTINGS, context))), HealthCheck)
    assert plugin.engram_create_discoverer("dns", SETTINGS, context) is None
    assert plugin.engram_create_registrar("dns", SETTINGS, context) is None
    assert not plugin.engram_create_health_checks("dns", SETTINGS, context)


def test_the_entry_point_does_not_import_grpc() -> None:
    """A program that lists plugins does not pay for them."""
    code = (
        "import sys, engram_discovery_etcd.plugin\n"
        "sys.exit('grpc' in sys.modules or 'google.protobuf' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_grpc_is_left_as_the_program_set_it() -> None:
    """Making the objects changes no variable of the environment."""
    code = (
        "import os; before = dict(os.environ)\n"
        "import engram_discovery_etcd.client, engram_discovery_etcd.discoverer\n"
        "assert dict(os.environ) == before"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_nobody_there_names_each_endpoint() -> None:
    """A refused connection is told for every endpoint that was tried."""
    endpoints = [f"127.0.0.1:{free_port()}" for _ in range(2)]

    async with discoverer(*endpoints) as source:
        with pytest.raises(DiscoveryError) as failure:
            await source.discover()

    assert failure.value.kind is FailureKind.REFUSED
    assert str(failure.value) == "; ".join(f"{endpoint}: connection refused" for endpoint in endpoints)
