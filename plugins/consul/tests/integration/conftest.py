"""The agent that tests use unless they need another."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.consul import Consul


@pytest.fixture
async def consul(tmp_path: Path) -> AsyncIterator[Consul]:
    async with Consul(tmp_path) as agent:
        yield agent
