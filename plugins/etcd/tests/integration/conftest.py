"""Each etcd that we must work with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.etcd import Etcd, debian_program, new_program

PROGRAMS = {"3.6": new_program, "3.4": debian_program}


@pytest.fixture(params=list(PROGRAMS))
def program(request: pytest.FixtureRequest) -> Path:
    return PROGRAMS[request.param]()


@pytest.fixture
async def etcd(tmp_path: Path, program: Path) -> AsyncIterator[Etcd]:
    async with Etcd(tmp_path / "etcd", program=program) as server:
        yield server
