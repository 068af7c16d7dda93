"""Each etcd that we must work with: one member, three, or one behind a link that can fail."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.etcd import Etcd, cluster, debian_program, new_program
from tests.servers.toxiproxy import Toxiproxy

PROGRAMS = {"3.6": new_program, "3.4": debian_program}


@pytest.fixture(params=list(PROGRAMS))
def program(request: pytest.FixtureRequest) -> Path:
    return PROGRAMS[request.param]()


@pytest.fixture
async def etcd(tmp_path: Path, program: Path) -> AsyncIterator[Etcd]:
    async with Etcd(tmp_path / "etcd", program=program) as server:
        yield server


@pytest.fixture
async def members(tmp_path: Path, program: Path) -> AsyncIterator[list[Etcd]]:
    async with cluster(tmp_path, program=program) as servers:
        yield servers


@pytest.fixture
async def link(tmp_path: Path, etcd: Etcd) -> AsyncIterator[Toxiproxy]:
    """Lies between us and etcd."""
    async with Toxiproxy(tmp_path, etcd.endpoint) as proxy:
        yield proxy
